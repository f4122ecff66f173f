# What the scripts in R share: the memory of the process, data folders, JSON.

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

lme4_version <- function() {
  paste0(packageVersion("lme4"), " (R ", getRversion(), ", ", basename(dirname(extSoftVersion()["BLAS"])), "/",
         basename(extSoftVersion()["BLAS"]), ")")
}
