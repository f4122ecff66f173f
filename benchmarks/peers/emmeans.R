# Times of emmeans: one model and one call, in a fresh process.
# Arguments: CSV file, formula, factors (comma-separated), method of df, timed calls, R expression of `fit`. Prints
# one number of seconds per line.
suppressMessages({library(lme4); library(emmeans)})
args <- commandArgs(trailingOnly = TRUE)
data <- read.csv(args[1], colClasses = NA)
for (name in strsplit(args[3], ",")[[1]]) data[[name]] <- factor(data[[name]])
emm_options(lmer.df = args[4], lmerTest.limit = 1e6, pbkrtest.limit = 1e6)
fit <- lmer(as.formula(args[2]), data, control = lmerControl(calc.derivs = FALSE))
call <- parse(text = args[6])
for (i in seq_len(as.integer(args[5]))) {
  start <- as.numeric(Sys.time())
  suppressMessages(as.data.frame(eval(call)))
  cat(sprintf("%.9f\n", as.numeric(Sys.time()) - start))
}
