# Refits of one model in lme4: other responses on the same design.
# Arguments: data folder, formula, number of responses. Prints one line of JSON.
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
source(file.path(here, "reading.R"))
suppressMessages(library(lme4))

args <- commandArgs(trailingOnly = TRUE)
data <- read_folder(args[1])
count <- as.integer(args[3])
responses <- matrix(readBin(file.path(args[1], "responses.bin"), "double", count * nrow(data)), ncol = count)
model <- suppressWarnings(suppressMessages(lmer(as.formula(args[2]), data)))

base <- memory("VmRSS")
start <- as.numeric(Sys.time())
cpu <- sum(proc.time()[1:2])
for (k in seq_len(count)) suppressWarnings(suppressMessages(refit(model, responses[, k])))
whole <- as.numeric(Sys.time()) - start
cat("\n{\"status\": \"ok\", \"whole\": ", json_list(whole), ", \"cpu\": ", json_list(sum(proc.time()[1:2]) - cpu),
    ", \"peak_mb\": ", json_number(memory("VmHWM")),
    ", \"base_mb\": ", json_number(base), ", \"version\": ", json_text(lme4_version()), "}\n", sep = "")
