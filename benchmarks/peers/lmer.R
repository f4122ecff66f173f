# One model in lme4, timed in a fresh process.
# Arguments: data folder, formula, REML (0/1), derivative check (0/1), timed calls, random intercepts alone (0/1). Prints one line of JSON.
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
source(file.path(here, "reading.R"))
suppressMessages(library(lme4))

args <- commandArgs(trailingOnly = TRUE)
data <- read_folder(args[1])
formula <- as.formula(args[2])
reml <- args[3] == "1"
calls <- as.integer(args[5])
control <- lmerControl(calc.derivs = args[4] == "1")

# The search alone: the clock around lme4's own optimizeLmer, inside the same call.
clock <- new.env()
now <- function() as.numeric(Sys.time())
invisible(suppressMessages(trace("optimizeLmer", where = asNamespace("lme4"), print = FALSE,
  tracer = quote(assign("start", as.numeric(Sys.time()), envir = globalenv()$clock)),
  exit = quote(assign("end", as.numeric(Sys.time()), envir = globalenv()$clock)))))

notes <- character()
fit <- function() withCallingHandlers(
  lmer(formula, data, REML = reml, control = control),
  warning = function(w) { notes <<- c(notes, conditionMessage(w)); invokeRestart("muffleWarning") },
  message = function(m) { notes <<- c(notes, conditionMessage(m)); invokeRestart("muffleMessage") })

base <- memory("VmRSS")
if (calls > 1) fit()
whole <- cpu <- search <- numeric(calls)
for (i in seq_len(calls)) {
  start <- now()
  cpu_start <- sum(proc.time()[1:2])
  model <- fit()
  whole[i] <- now() - start
  cpu[i] <- sum(proc.time()[1:2]) - cpu_start
  search[i] <- clock$end - clock$start
}
criterion <- if (reml) REMLcrit(model) else -2 * as.numeric(logLik(model))
deviations <- function(model) {
  table <- as.data.frame(VarCorr(model))
  names <- ifelse(table$grp == "Residual", "residual", table$grp)
  paste0("{", paste(paste0(json_text(names), ": ", vapply(table$sdcor, json_number, "")), collapse = ", "), "}")
}
cat("\n{\"status\": \"ok\", \"whole\": ", json_list(whole), ", \"cpu\": ", json_list(cpu), ", \"fit\": ", json_list(search),
    ", \"evaluations\": ", json_number(model@optinfo$feval), ", \"criterion\": ", sprintf("%.8f", criterion),
    ", \"reml\": ", if (reml) "true" else "false", ", \"peak_mb\": ", json_number(memory("VmHWM")),
    ", \"base_mb\": ", json_number(base), ", \"version\": ", json_text(lme4_version()),
    ", \"sds\": ", if (args[6] == "1") deviations(model) else "{}",
    ", \"note\": ", json_text(paste(unique(notes), collapse = "; ")), "}\n", sep = "")
