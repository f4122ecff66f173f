# One generalised model in lme4 or glmmTMB, timed in a fresh process.
# Arguments: program, data folder, formula, family, column of trials or -, timed calls, refits. With refits: as
# many simulated responses, each fitted by the program's own refit. Prints one line of JSON.
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
source(file.path(here, "reading.R"))
args <- commandArgs(trailingOnly = TRUE)
program <- args[1]
suppressMessages(library(program, character.only = TRUE))

data <- read_folder(args[2])
formula <- as.formula(args[3])
family <- get(args[4], asNamespace("stats"))()
trials <- if (args[5] == "-") NULL else data[[args[5]]]
calls <- as.integer(args[6])
refits <- as.integer(args[7])

notes <- character()
quiet <- function(call) withCallingHandlers(call,
  warning = function(w) { notes <<- c(notes, conditionMessage(w)); invokeRestart("muffleWarning") },
  message = function(m) { notes <<- c(notes, conditionMessage(m)); invokeRestart("muffleMessage") })
fit <- function() quiet(if (program == "lme4") glmer(formula, data, family = family, weights = trials)
                        else glmmTMB(formula, data, family = family, weights = trials))
again <- function(model, responses) for (y in responses) quiet(refit(model, y))

base <- memory("VmRSS")
if (calls > 1 || refits > 0) model <- fit()
responses <- if (refits > 0) simulate(model, refits, seed = 1)
notes <- character()
whole <- cpu <- numeric(calls)
for (i in seq_len(calls)) {
  start <- as.numeric(Sys.time())
  cpu_start <- sum(proc.time()[1:2])
  if (refits > 0) again(model, responses) else model <- fit()
  whole[i] <- as.numeric(Sys.time()) - start
  cpu[i] <- sum(proc.time()[1:2]) - cpu_start
}
evaluations <- if (program == "lme4") model@optinfo$feval else sum(model$fit$evaluations)
cat("\n{\"status\": \"ok\", \"whole\": ", json_list(whole), ", \"cpu\": ", json_list(cpu),
    ", \"evaluations\": ", if (refits > 0) "null" else json_number(evaluations),
    ", \"criterion\": ", sprintf("%.8f", -2 * as.numeric(logLik(model))),
    ", \"reml\": false, \"peak_mb\": ", json_number(memory("VmHWM")), ", \"base_mb\": ", json_number(base),
    ", \"version\": ", json_text(paste0(packageVersion(program), " (R ", getRversion(), ")")),
    ", \"note\": ", json_text(paste(unique(notes), collapse = "; ")), "}\n", sep = "")
