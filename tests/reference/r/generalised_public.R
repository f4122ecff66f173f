# Generalised models of lme4 (standard errors of the Hessian), glmmTMB, ordinal and MASS.
# Run in the folder that holds data/ and reference/: Rscript reference/r/generalised_public.R [regular expression of names]
OUT <- "reference/generalised"; source("reference/r/ref_lib.R"); suppressMessages({library(glmmTMB); library(ordinal); library(MASS)})
.schema <- c(.schema, read_json("data/schema_more.json")); pat <- c(commandArgs(TRUE), ".")[1] # made by export_generalised.R
quiet <- function(e) suppressMessages(suppressWarnings(e))
data_of <- function(stem, steps) { d <- rd(stem); for (s in steps) d <- if (startsWith(s, "subset(")) eval(parse(text=s)) else within(d, eval(parse(text=s))); assign("DD", d, globalenv()); d }
common <- function(id, stem, steps, package, call, ...) c(list(id=id, dataset=stem, data_steps=I(as.character(steps)), engine=paste(package, packageVersion(package)), call=call), list(...))
random <- function(vc) lapply(vc, function(v) list(sd=nv(attr(v,"stddev")), corr=if (!is.null(attr(v,"correlation"))) mat(attr(v,"correlation"))))
modes <- function(re, n=6) lapply(re, function(x) mat(head(x, n)))
said <- function(id, o) cat(sprintf("%-28s %.7f (%.1e)\n", id, o$minus2logLik, o$optimizers_differ_by))
done <- function(id, o) { put(id, o); said(id, o) }

# glmer: two searches, Newton steps on the criterion, standard errors from its Hessian (numDeriv)
of_lme4 <- function(id, stem, call, steps=NULL) if (grepl(pat, id)) { data_of(stem, steps); cl <- parse(text=call)[[1]]; cl$data <- quote(DD)
  go <- function(opt, oc) { k <- cl; k$control <- glmerControl(optimizer=opt, tolPwrss=1e-13, optCtrl=oc, calc.derivs=FALSE); quiet(eval(k, globalenv())) }
  f1 <- go("bobyqa", list(rhoend=1e-9, maxfun=1e5)); f2 <- tryCatch(go("nloptwrap", list(xtol_abs=1e-10, ftol_abs=1e-12, maxeval=1e5)), error=function(e) f1)
  f <- if (logLik(f1) >= logLik(f2)) f1 else f2
  df <- quiet({ k <- cl; k$devFunOnly <- TRUE; k$control <- glmerControl(tolPwrss=1e-13); eval(k, globalenv()) })
  if (is.null(cl$nAGQ) || eval(cl$nAGQ) > 0) { x <- c(getME(f,"theta"), fixef(f)); m <- length(getME(f,"theta")); H <- hessian(df, x, method.args=list(r=4, d=1e-2)); V <- 2*solve(H)[-(1:m),-(1:m),drop=FALSE]; grd <- max(abs(grad(df, x, method.args=list(r=4, d=1e-2)))) }
  dimnames(V) <- list(names(fixef(f)), names(fixef(f))); re <- ranef(f, condVar=TRUE)
  done(id, common(id, stem, steps, "lme4", call, minus2logLik=-2*as.numeric(logLik(f)), optimizers_differ_by=2*abs(as.numeric(logLik(f1)-logLik(f2))), max_abs_gradient=grd, df=attr(logLik(f),"df"), nobs=nobs(f), fixef=nv(fixef(f)), vcov=mat(V), vcov_conditional=mat(as.matrix(vcov(f, use.hessian=FALSE))), random=random(VarCorr(f)), ranef_head=modes(re), fitted_head=hd(fitted(f)), resid_pearson_head=hd(resid(f,type="pearson")), resid_deviance_head=hd(resid(f,type="deviance")))) }

# glmmTMB: two searches; standard errors from derivatives of its exact gradient (its own are from steps of 1e-3, off by up to 1 %)
of_glmmTMB <- function(id, stem, call, steps=NULL) if (grepl(pat, id)) { data_of(stem, steps); cl <- parse(text=call)[[1]]; cl$data <- quote(DD)
  ctl <- list(glmmTMBControl(optCtrl=list(iter.max=1e4,eval.max=1e4,rel.tol=1e-13)), glmmTMBControl(optimizer=optim,optArgs=list(method="BFGS"),optCtrl=list(maxit=3000,reltol=1e-15)))
  ff <- lapply(ctl, function(k) tryCatch({ c2 <- cl; c2$control <- k; quiet(eval(c2, globalenv())) }, error=function(e) NULL)); ob <- sapply(ff, function(f) if (is.null(f)) Inf else f$fit$objective); f <- ff[[which.min(ob)]]
  x <- f$fit$par; V <- solve(jacobian(f$obj$gr, x, method.args=list(r=6))); V <- (V + t(V))/2; b <- names(x) == "beta"; V0 <- vcov(f)$cond; own <- V[b,b,drop=FALSE]; dimnames(own) <- dimnames(V0)
  done(id, common(id, stem, steps, "glmmTMB", call, minus2logLik=2*min(ob), optimizers_differ_by=2*diff(range(ob[is.finite(ob)])), max_abs_gradient=max(abs(f$obj$gr(f$fit$par))), hessian_positive_definite=f$sdr$pdHess, df=attr(logLik(f),"df"), nobs=nobs(f), fixef=nv(fixef(f)$cond), zi=if (length(fixef(f)$zi)) nv(fixef(f)$zi), disp=if (length(fixef(f)$disp)) nv(fixef(f)$disp), vcov=mat(own), vcov_of_glmmTMB=mat(V0), vcov_zi=if (length(fixef(f)$zi)) mat(vcov(f)$zi), shape=if (any(names(x) == "psi")) uv(x[names(x) == "psi"]), random=random(VarCorr(f)$cond), ranef_head=modes(ranef(f)$cond), fitted_head=hd(fitted(f)), resid_pearson_head=tryCatch(hd(resid(f,type="pearson")), error=function(e) NULL))) }

# Laplace's criterion of an ordinal model with one random intercept, written out: clmm's own Hessian of it is off by up to 16 %.
hessian_of_ordinal <- function(f, cl) { m <- eval(as.call(c(quote(model.frame), lme4::nobars(as.formula(cl[[2]])), quote(DD), list(weights=cl$weights)))); y <- as.integer(model.response(m)); w <- model.weights(m); if (is.null(w)) w <- 1
  X <- model.matrix(lme4::nobars(as.formula(cl[[2]])), DD)[,-1,drop=FALSE]; g <- factor(DD[[names(f$ST)]]); a <- seq_along(f$alpha); b <- length(a) + seq_len(ncol(X)); logit <- is.null(cl$link)
  P <- if (logit) plogis else pnorm; p1 <- if (logit) dlogis else dnorm; p2 <- if (logit) function(x) ifelse(is.finite(x), dlogis(x)*(1-2*plogis(x)), 0) else function(x) ifelse(is.finite(x), -x*dnorm(x), 0)
  criterion <- function(p) { tau <- if (is.null(cl$threshold)) p[a] else p[1] + p[2]*(0:(max(y)-2)); tau <- c(-Inf, tau, Inf); sd <- p[max(b)+1]; fixed <- drop(X %*% p[b]); u <- numeric(nlevels(g)); best <- -Inf
    parts <- function(u) { e <- fixed + u[g]; hi <- tau[y+1]-e; lo <- tau[y]-e; q <- P(hi)-P(lo); d <- -(p1(hi)-p1(lo))/q; list(l=w*log(q), d=w*d, h=w*((p2(hi)-p2(lo))/q - d^2)) }
    for (i in 1:200) { k <- parts(u); step <- (rowsum(k$d, g)[,1] - u/sd^2)/(-rowsum(k$h, g)[,1] + 1/sd^2); u <- u + step; if (max(abs(step)) < 1e-13) break }
    k <- parts(u); -2*sum(k$l) + sum((u/sd)^2) + sum(log(1 - sd^2*rowsum(k$h, g)[,1])) }
  x <- c(f$alpha, f$beta, abs(unlist(f$ST)[1])); for (i in 1:2) x <- x - solve(hessian(criterion, x), grad(criterion, x)); V <- 2*solve(hessian(criterion, x))[b,b,drop=FALSE]; dimnames(V) <- list(names(f$beta), names(f$beta)); list(V=V, minus2=criterion(x)) }

# clmm and polr: thresholds are in alpha
of_ordinal <- function(id, stem, call, steps=NULL) if (grepl(pat, id)) { data_of(stem, steps); cl <- parse(text=call)[[1]]; cl$data <- quote(DD); cl$Hess <- TRUE
  if (as.character(cl[[1]]) == "polr") { f <- quiet(eval(cl, globalenv())); cl$control <- list(reltol=1e-15, maxit=1000); f <- quiet(eval(cl, globalenv())); o <- list(minus2logLik=deviance(f), optimizers_differ_by=0, df=f$edf, nobs=f$nobs, alpha=nv(f$zeta), fixef=nv(coef(f)), vcov=mat(vcov(f)[names(coef(f)),names(coef(f)),drop=FALSE]), vcov_full=mat(vcov(f))); done(id, do.call(common, c(list(id, stem, steps, "MASS", call), o))); return(invisible()) }
  ctl <- function(m) clmm.control(method=m, maxIter=1000, gradTol=1e-8, maxLineIter=500, useMatrix=FALSE, innerCtrl="noWarn")
  ff <- lapply(c("nlminb","ucminf"), function(m) { c2 <- cl; c2$control <- ctl(m); tryCatch(quiet(eval(c2, globalenv())), error=function(e) { cat(id, m, conditionMessage(e), "\n"); NULL }) }); ff <- Filter(Negate(is.null), ff); ll <- sapply(ff, function(f) as.numeric(logLik(f))); f <- ff[[which.max(ll)]]
  b <- names(f$beta); V <- vcov(f); own <- if (is.null(cl$nAGQ) && length(f$ST) == 1) hessian_of_ordinal(f, cl); if (!is.null(own)) cat(id, "written out:", own$minus2, "\n")
  done(id, common(id, stem, steps, "ordinal", call, minus2logLik=-2*max(ll), optimizers_differ_by=2*diff(range(ll)), max_abs_gradient=max(abs(f$gradient)), df=attr(logLik(f),"df"), nobs=nobs(f), alpha=nv(f$alpha), fixef=nv(f$beta), vcov=mat(if (is.null(own)) V[b,b,drop=FALSE] else own$V), vcov_full=mat(V), random=random(VarCorr(f)), ranef_head=modes(ranef(f)))) }

# The inverse Gaussian, which none of them has by maximum likelihood: Laplace's criterion (and 25 adaptive nodes)
# of a random intercept and log link, written out and minimised by optim; standard errors by numDeriv.
written_out <- function(id, stem, steps, y, x, g, nodes) if (grepl(pat, id)) { d <- data_of(stem, steps); y <- d[[y]]; x <- d[[x]]; g <- factor(d[[g]]); q <- gauss_hermite(nodes)
  criterion <- function(p, b=FALSE) { phi <- exp(p[4]); sd <- exp(p[3]); eta <- p[1] + p[2]*x; l <- function(eta) -0.5*log(2*pi*phi*y^3) - (y/exp(eta)-1)^2/(2*phi*y)
    m <- numeric(nlevels(g)); for (i in 1:100) { r <- y/exp(eta+m[g]); s <- rowsum(r*(r-1)/(phi*y), g)[,1] - m/sd^2; h <- rowsum(r*(2*r-1)/(phi*y), g)[,1] + 1/sd^2; m <- m + s/h }
    if (b) return(list(m, 1/h)); f <- sapply(q$x, function(z) { u <- m + sqrt(2/h)*z; rowsum(l(eta+u[g]), g)[,1] + dnorm(u, 0, sd, log=TRUE) + z^2 })
    top <- apply(f, 1, max); -2*sum(log(sqrt(2/h)*(exp(f-top) %*% q$w)) + top) }
  o <- optim(c(mean(log(y)), 0, -2, -3), criterion, method="BFGS", control=list(reltol=1e-15, maxit=1000)); for (k in 1:3) o$par <- o$par - solve(hessian(criterion, o$par), grad(criterion, o$par))
  V <- 2*solve(hessian(criterion, o$par)); n <- c("(Intercept)", "Days"); rownames(V) <- colnames(V) <- c(n, "log sd", "log phi"); b <- criterion(o$par, TRUE)
  done(id, list(id=id, dataset=stem, data_steps=I(steps), engine=R.version.string, call=sprintf("optim: seconds ~ Days + (1 | Subject), inverse Gaussian, log link, variance phi mu^3, %d node(s)", nodes), minus2logLik=criterion(o$par), optimizers_differ_by=0, max_abs_gradient=max(abs(grad(criterion, o$par))), df=4, nobs=length(y), fixef=list(names=n, values=o$par[1:2]), vcov=mat(V[1:2,1:2]), vcov_full=mat(V), disp=list(names="log phi", values=I(o$par[4])), random=list(Subject=list(sd=list(names=I("(Intercept)"), values=I(exp(o$par[3]))))), ranef_head=list(Subject=list(rows=I(head(levels(g),6)), cols=I("(Intercept)"), values=lapply(unname(head(b[[1]],6)), function(v) I(v)))), condvar_head=uv(head(b[[2]],6)))) }
gauss_hermite <- function(n) { if (n == 1) return(list(x=0, w=sqrt(pi))); J <- matrix(0, n, n); k <- seq_len(n-1); J[cbind(k,k+1)] <- J[cbind(k+1,k)] <- sqrt(k/2); e <- eigen(J, TRUE); list(x=e$values, w=sqrt(pi)*e$vectors[1,]^2) }

of_lme4("bacteria", "bacteria", "glmer(y ~ trt + late + (1 | ID), family = binomial)")
of_lme4("bacteria_agq", "bacteria", "glmer(y ~ trt + late + (1 | ID), family = binomial, nAGQ = 15)")
of_lme4("bacteria_cauchit_agq", "bacteria", "glmer(y ~ trt + late + (1 | ID), family = binomial(link = 'cauchit'), nAGQ = 75)")
of_lme4("cbpp_hessian", "cbpp", "glmer(cbind(incidence, size - incidence) ~ period + (1 | herd), family = binomial)")
of_lme4("cbpp_observations", "cbpp", "glmer(cbind(incidence, size - incidence) ~ period + (1 | herd) + (1 | obs), family = binomial)", "obs <- factor(seq_along(herd))")
of_lme4("epil", "epil", "glmer(y ~ lbase * trt + lage + V4 + (1 | subject), family = poisson)")
of_lme4("epil_slope", "epil", "glmer(y ~ lbase * trt + lage + visit + (visit | subject), family = poisson)", "visit <- (as.integer(period) - 2.5) / 5")
of_lme4("epil_agq", "epil", "glmer(y ~ lbase * trt + lage + V4 + (1 | subject), family = poisson, nAGQ = 11)")
of_lme4("balance", "balance", "glmer(stable ~ sex + surface + vision + (1 | subject), family = binomial)")
of_lme4("balance_agq", "balance", "glmer(stable ~ sex + surface + vision + (1 | subject), family = binomial, nAGQ = 25)")
of_lme4("culcita", "culcita", "glmer(predation ~ ttt + (1 | block), family = binomial)")
of_lme4("verbagg_mode", "verbagg", "glmer(r2 ~ mode + btype + situ + (mode | id) + (1 | item), family = binomial)")
of_glmmTMB("fhch_lexdec", "fhch2010", "glmmTMB(correct ~ stimulus * density + frequency + (1 | id) + (1 | item), family = binomial)", c("correct <- as.integer(correct)", "subset(d, task == 'lexdec')"))
of_glmmTMB("guimmun", "guimmun", "glmmTMB(immun ~ kid2p + mom25p + ord + ethn + momEd + momWork + rural + pcInd81 + (1 | comm) + (1 | mom), family = binomial)")
of_glmmTMB("verbagg_tight", "verbagg", "glmmTMB(r2 ~ Anger + Gender + btype + situ + (1 | id) + (1 | item), family = binomial)")
of_glmmTMB("contraception_tight", "contraception", "glmmTMB(use ~ age + I(age^2) + urban + livch + (urban | district), family = binomial)")
of_glmmTMB("epil_nb2", "epil", "glmmTMB(y ~ lbase * trt + lage + V4 + (1 | subject), family = nbinom2)")
of_glmmTMB("epil_nb1_slope", "epil", "glmmTMB(y ~ lbase + trt + visit + (visit | subject), family = nbinom1)", "visit <- (as.integer(period) - 2.5) / 5")
of_glmmTMB("epil_ar1", "epil", "glmmTMB(y ~ lbase * trt + lage + ar1(0 + period | subject), family = poisson)")
of_glmmTMB("epil_weights", "epil", "glmmTMB(y ~ lbase * trt + lage + (1 | subject), family = poisson, weights = w)", "w <- 1 + (as.integer(period) - 1) / 2")
of_glmmTMB("salamanders_zip", "salamanders", "glmmTMB(count ~ spp + mined + (1 | site), ziformula = ~ spp + mined, family = poisson)")
of_glmmTMB("salamanders_nb2_dispersion", "salamanders", "glmmTMB(count ~ spp + mined + (1 | site), dispformula = ~ DOY, family = nbinom2)")
of_glmmTMB("salamanders_nb2_zi_dispersion", "salamanders", "glmmTMB(count ~ mined + cover + (1 | site) + (1 | spp), ziformula = ~ mined, dispformula = ~ DOY, family = nbinom2)")
of_glmmTMB("salamanders_hurdle_poisson", "salamanders", "glmmTMB(count ~ spp + mined + (1 | site), ziformula = ~ mined, family = truncated_poisson)")
of_glmmTMB("salamanders_hurdle_nb2", "salamanders", "glmmTMB(count ~ mined + DOY + (1 | site), ziformula = ~ spp + mined, family = truncated_nbinom2)")
of_glmmTMB("salamanders_hurdle_nb1", "salamanders", "glmmTMB(count ~ mined + DOY + (1 | site), ziformula = ~ mined, family = truncated_nbinom1)")
of_glmmTMB("arabidopsis_nb2", "arabidopsis", "glmmTMB(total.fruits ~ nutrient + amd + rack + status + (1 | popu) + (1 | gen), family = nbinom2)")
of_glmmTMB("mmmec_nb2", "mmmec", "glmmTMB(deaths ~ uvb + (1 | nation/region) + offset(log(expected)), family = nbinom2)")
of_glmmTMB("contraception_cloglog", "contraception", "glmmTMB(use ~ age + urban + livch + (urban | district), family = binomial(link = 'cloglog'))")
of_glmmTMB("contraception_probit", "contraception", "glmmTMB(use ~ age + urban + livch + (1 | district), family = binomial(link = 'probit'))")
of_glmmTMB("culcita_probit", "culcita", "glmmTMB(predation ~ ttt + (1 | block), family = binomial(link = 'probit'))")
of_glmmTMB("cbpp_betabinomial_dispersion", "cbpp", "glmmTMB(cbind(incidence, size - incidence) ~ period + (1 | herd), dispformula = ~ late, family = betabinomial)", "late <- as.integer(period) > 2")
of_glmmTMB("gasoline_beta_dispersion", "gasoline", "glmmTMB(y ~ endpoint + vapor + (1 | Sample), dispformula = ~ endpoint, family = beta_family())", "y <- yield / 100")
of_glmmTMB("sleepstudy_gamma_dispersion", "sleepstudy", "glmmTMB(Reaction ~ Days + (1 | Subject), dispformula = ~ Days, family = Gamma(link = 'log'))")
of_glmmTMB("sleepstudy_gamma_inverse", "sleepstudy", "glmmTMB(seconds ~ Days + (1 | Subject), family = Gamma(link = 'inverse'))", "seconds <- Reaction / 1000")
of_glmmTMB("sleepstudy_gaussian_log", "sleepstudy", "glmmTMB(Reaction ~ Days + (1 | Subject), family = gaussian(link = 'log'))")
of_ordinal("wine", "wine", "clmm(rating ~ temp + contact + (1 | judge))")
of_ordinal("wine_probit", "wine", "clmm(rating ~ temp + contact + (1 | judge), link = 'probit')")
of_ordinal("wine_equidistant", "wine", "clmm(rating ~ temp + contact + (1 | judge), threshold = 'equidistant')")
of_ordinal("wine_agq", "wine", "clmm(rating ~ temp + contact + (1 | judge), nAGQ = 15)")
of_ordinal("wine_crossed", "wine", "clmm(rating ~ temp + contact + (1 | judge) + (1 | bottle), link = 'probit')")
of_ordinal("wine_fixed", "wine", "polr(rating ~ temp + contact)")
of_ordinal("verbagg_ordinal", "verbagg", "clmm(resp ~ Anger + Gender + btype + situ + (1 | id) + (1 | item))")
of_ordinal("ham_ordinal", "ham", "clmm(liking ~ Product * Information + (1 | Consumer))", "liking <- ordered(Informed.liking)")
of_ordinal("potatoes", "potatoes", "clmm(damage ~ energy + gen + weight + (1 | rod), weights = count)")
of_glmmTMB("gasoline_beta_exact", "gasoline", "glmmTMB(y ~ endpoint + vapor + (1 | Sample), family = beta_family())", "y <- yield / 100")
of_glmmTMB("sleepstudy_t_start", "sleepstudy", "glmmTMB(Reaction ~ Days + (1 | Subject), family = t_family(), start = list(psi = log(4)))")
for (n in c(1, 25)) written_out(paste0("sleepstudy_inverse_gaussian", if (n > 1) "_agq"), "sleepstudy", "seconds <- Reaction / 1000", "seconds", "Days", "Subject", n)
