# One model in lme4, timed in a fresh process.
# Arguments: data folder, formula, REML (0/1), derivative check (0/1), timed calls. Prints one line of JSON.
suppressMessages(library(lme4))

memory <- function(field) {
  lines <- tryCatch(readLines("/proc/self/status"), error = function(e) character())
  line <- grep(paste0("^", field, ":"), lines, value = TRUE)
  if (length(line)) as.numeric(gsub("[^0-9]", "", line)) / 1024 else NA
}

read_folder <- function(folder) {
  table <- read.delim(file.path(folder, "columns.tsv"), header = FALSE, colClasses = "character", quote = "")
  columns <- lapply(seq_len(nrow(table)), function(i) {
    file <- file.path(folder, paste0(table[i, 1], ".bin"))
    size <- file.info(file)$size
    if (table[i, 2] == "0") return(readBin(file, "double", size / 8))
    codes <- readBin(file, "integer", size / 4, size = 4) + 1L
    levels <- readLines(file.path(folder, paste0(table[i, 1], ".levels")), encoding = "UTF-8")
    structure(codes, levels = levels, class = "factor")
  })
  names(columns) <- table[, 3]
  as.data.frame(columns, check.names = FALSE)
}

json_number <- function(x) if (length(x) != 1 || is.na(x)) "null" else sprintf("%.12g", x)
json_list <- function(x) paste0("[", paste(vapply(x, json_number, ""), collapse = ", "), "]")
json_text <- function(x) paste0("\"", gsub("[\"\\\\[:cntrl:]]", " ", x), "\"")

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
version <- paste0(packageVersion("lme4"), " (R ", getRversion(), ", ", basename(dirname(extSoftVersion()["BLAS"])), "/",
                  basename(extSoftVersion()["BLAS"]), ")")
cat("\n{\"status\": \"ok\", \"whole\": ", json_list(whole), ", \"cpu\": ", json_list(cpu), ", \"fit\": ", json_list(search),
    ", \"evaluations\": ", json_number(model@optinfo$feval), ", \"criterion\": ", sprintf("%.8f", criterion),
    ", \"reml\": ", if (reml) "true" else "false", ", \"peak_mb\": ", json_number(memory("VmHWM")),
    ", \"base_mb\": ", json_number(base), ", \"version\": ", json_text(version),
    ", \"note\": ", json_text(paste(unique(notes), collapse = "; ")), "}\n", sep = "")
