# Predictions of glmmTMB and means of emmeans for generalised models; see README.md.
# Rscript reference/r/generalised_predictions.R data OUT.json
suppressMessages({library(glmmTMB); library(emmeans); library(lme4); library(jsonlite); library(ordinal)})
args <- commandArgs(TRUE)
folder <- args[1]
data_of <- function(name) read.csv(file.path(folder, paste0(name, ".csv")), colClasses = NA)
out <- list(versions = list(glmmTMB = as.character(packageVersion("glmmTMB")),
  emmeans = as.character(packageVersion("emmeans")), ordinal = as.character(packageVersion("ordinal"))))
pr <- function(fit, ...) { p <- predict(fit, ..., se.fit = TRUE); list(fit = as.numeric(p$fit), se = as.numeric(p$se.fit)) }
tab <- function(x) as.list(as.data.frame(x))
# SE of averages of response predictions over all rows, by the joint covariance of predictions
average <- function(fit, newdata, groups, ...) {
  p <- predict(fit, newdata = newdata, type = "response", se.fit = TRUE, cov.fit = TRUE, ...)
  A <- t(sapply(sort(unique(groups)), function(g) (groups == g) / sum(groups == g)))
  list(group = sort(unique(groups)), fit = as.numeric(A %*% p$fit), se = sqrt(diag(A %*% p$cov.fit %*% t(A))),
       cov = as.numeric(A %*% p$cov.fit %*% t(A)))
}

cbpp <- data_of("cbpp"); cbpp$period <- factor(cbpp$period); cbpp$herd <- factor(cbpp$herd)
for (link in c("logit", "cloglog", "probit")) {
  fit <- glmmTMB(cbind(incidence, size - incidence) ~ period + (1 | herd), cbpp, family = binomial(link))
  new <- rbind(cbpp[1:6, ], cbpp[1, ]); new$herd <- as.character(new$herd); new$herd[7] <- "new"
  e <- emmeans(fit, ~ period)
  s <- sqrt(as.numeric(VarCorr(fit)$cond$herd))
  out[[paste0("cbpp_", link)]] <- list(
    sd = s,
    link = pr(fit, type = "link"), response = pr(fit, type = "response"),
    link_none = pr(fit, type = "link", re.form = NA), response_none = pr(fit, type = "response", re.form = NA),
    new = pr(fit, newdata = new, type = "link", allow.new.levels = TRUE),
    emmeans = tab(e), response_scale = tab(summary(e, type = "response")),
    adjusted = tab(summary(e, type = "response", bias.adjust = TRUE, sigma = s)),
    pairs = tab(pairs(e)), ratios = tab(summary(pairs(e), type = "response", infer = TRUE)),
    regrid = tab(pairs(regrid(e), infer = TRUE)),
    average = average(fit, cbpp, as.integer(cbpp$period)),
    average_none = average(fit, cbpp, as.integer(cbpp$period), re.form = NA),
    average_set = average(fit, transform(rbind(cbpp, cbpp), period = factor(rep(c("1", "2"), each = nrow(cbpp)), levels = levels(cbpp$period))), rep(1:2, each = nrow(cbpp)))
  )
}

owls <- data_of("owls")
owls[] <- lapply(owls, function(x) if (is.character(x)) factor(x) else x)
for (kind in c("zip", "zinb2", "hurdle", "nb1")) {
  family <- switch(kind, zip = poisson(), zinb2 = nbinom2(), hurdle = truncated_poisson(), nb1 = nbinom1())
  zi <- if (kind == "nb1") ~0 else ~ FoodTreatment
  fit <- glmmTMB(SiblingNegotiation ~ FoodTreatment * SexParent + offset(logBroodSize) + (1 | Nest), owls,
    family = family, ziformula = zi)
  new <- owls[c(1, 2, 100, 200, 300, 1), ]; new$Nest <- as.character(new$Nest); new$Nest[6] <- "new"
  e <- emmeans(fit, ~ FoodTreatment * SexParent)
  out[[paste0("owls_", kind)]] <- list(
    objective = -2 * as.numeric(logLik(fit)),
    link = pr(fit, newdata = new, type = "link", allow.new.levels = TRUE),
    response = pr(fit, newdata = new, type = "response", allow.new.levels = TRUE),
    conditional = pr(fit, newdata = new, type = "conditional", allow.new.levels = TRUE),
    zero = if (kind == "nb1") NULL else pr(fit, newdata = new, type = "zprob", allow.new.levels = TRUE),
    response_none = pr(fit, newdata = new, type = "response", re.form = NA),
    emmeans = tab(e), ratios = tab(summary(pairs(e), type = "response", infer = TRUE)),
    joint = tab(joint_tests(fit)),
    average = average(fit, owls[1:200, ], as.integer(owls$FoodTreatment)[1:200])
  )
}

ticks <- data_of("grouseticks")
for (n in c("INDEX", "BROOD", "LOCATION", "YEAR")) ticks[[n]] <- factor(ticks[[n]])
fit <- glmmTMB(TICKS ~ YEAR + cHEIGHT + (1 | BROOD) + (1 | LOCATION), ticks, family = nbinom2())
h <- 0.05
shifted <- transform(rbind(ticks, ticks), cHEIGHT = c(ticks$cHEIGHT - h, ticks$cHEIGHT + h))
p <- predict(fit, newdata = shifted, type = "response", se.fit = TRUE, cov.fit = TRUE)
w <- rep(c(-1, 1) / (2 * h * nrow(ticks)), each = nrow(ticks))
out$ticks_nb2 <- list(slope = sum(w * p$fit), slope_se = sqrt(sum(w * (p$cov.fit %*% w))),
  link = pr(fit, type = "link"), response = pr(fit, type = "response"),
  emmeans = tab(emmeans(fit, ~ YEAR)), trends = tab(emtrends(fit, ~ YEAR, var = "cHEIGHT")),
  joint = tab(joint_tests(fit)))

sleep <- data_of("sleepstudy"); sleep$Subject <- factor(sleep$Subject)
fit <- glmmTMB(Reaction ~ Days + (Days | Subject), sleep, family = Gamma("log"))
new <- sleep[c(1, 10, 15, 1), ]; new$Subject <- as.character(new$Subject); new$Subject[4] <- "new"; new$Days[4] <- 3
out$sleep_gamma <- list(objective = -2 * as.numeric(logLik(fit)),
  link = pr(fit, newdata = new, type = "link", allow.new.levels = TRUE),
  response = pr(fit, newdata = new, type = "response", allow.new.levels = TRUE))

data(wine, package = "ordinal")
fit <- clmm(rating ~ temp + contact + (1 | judge), data = wine, Hess = TRUE)
out$wine <- list(data = tab(wine[, c("rating", "temp", "contact", "judge")]), coef = as.list(coef(fit)),
  names = names(coef(fit)), logLik = as.numeric(logLik(fit)), sd = as.numeric(attr(VarCorr(fit)$judge, "stddev")),
  vcov = vcov(fit), ranef = as.numeric(fit$ranef), condVar = as.numeric(fit$condVar),
  latent = tab(emmeans(fit, ~ temp)), pairs = tab(pairs(emmeans(fit, ~ temp))),
  prob = tab(emmeans(fit, ~ rating | temp, mode = "prob")),
  mean_class = tab(emmeans(fit, ~ temp, mode = "mean.class")))
write(toJSON(out, digits = NA, na = "null", null = "null"), args[2])
