# Inference for generalised models: tests, intervals, likelihood ratios, shares of variance. glmmTMB (Laplace).
# Run in the folder that holds data/ and reference/. Wald limits are normal on the working scale, profile limits
# by root finding: the criterion minimised over all other parameters with the gradient of TMB.
OUT <- "reference/glmm_inference"; source("reference/r/ref_lib.R"); suppressMessages(library(glmmTMB)); pat <- c(commandArgs(TRUE),".")[1]
CTL <- glmmTMBControl(optCtrl=list(iter.max=1e4,eval.max=1e4,rel.tol=1e-14)); CTL2 <- glmmTMBControl(optimizer=optim,optArgs=list(method="BFGS"),optCtrl=list(maxit=3000,reltol=1e-16))
fit1 <- function(a) { ff <- lapply(list(CTL,CTL2),function(k) tryCatch(suppressWarnings(do.call(glmmTMB,c(a,list(control=k)))),error=function(e) {message(conditionMessage(e));NULL}))
  ob <- sapply(ff,function(f) if (is.null(f)) Inf else f$fit$objective); f <- ff[[which.min(ob)]]; attr(f,"differ") <- 2*diff(range(ob[is.finite(ob)])); f }
# what the working parameters are: names, link ("log" sd, "unit" of theta/sqrt(1+theta^2), "identity")
parameters <- function(f) { nm <- names(f$fit$par); lab <- c(); kind <- c(); beta <- names(fixef(f)$cond)
  out <- data.frame(type=nm, name="", scale="identity", stringsAsFactors=FALSE)
  for (k in c("cond","zi","disp")) { code <- c(cond="beta",zi="betazi",disp="betad")[[k]]; i <- which(nm==code); if (length(i)) out$name[i] <- paste0(if (k=="cond") "" else paste0(k,"~"), names(fixef(f)[[k]])) }
  i <- which(nm=="theta"); at <- 0; vc <- VarCorr(f)$cond
  for (g in names(vc)) { q <- nrow(vc[[g]]); ns <- rownames(vc[[g]]); j <- i[at+seq_len(q)]; out$name[j] <- paste0("sd(",g,":",ns,")"); out$scale[j] <- "log"; at <- at+q
    if (q==2) { j <- i[at+1]; out$name[j] <- paste0("cor(",g,":",ns[1],",",ns[2],")"); out$scale[j] <- "unit"; at <- at+1 }; if (q>2) stop("q") }
  out }
back <- function(x,s) if (s=="log") exp(x) else if (s=="unit") x/sqrt(1+x^2) else x
profiled <- function(f, level=.95) { p <- f$fit$par; obj <- f$obj; n <- length(p); H <- numDeriv::jacobian(obj$gr,p); V <- solve((H+t(H))/2); cut <- qchisq(level,1)/2; best <- obj$fn(p)
  one <- function(j,side) { x <- p[-j]; inside <- function(v) { r <- nlminb(x,function(z){y<-p;y[j]<-v;y[-j]<-z;obj$fn(y)},function(z){y<-p;y[j]<-v;y[-j]<-z;obj$gr(y)[-j]},control=list(rel.tol=1e-14,eval.max=2000,iter.max=1000)); x <<- r$par; r$objective-best-cut }
    a <- p[j]; s <- sqrt(V[j,j])*side; b <- p[j]; for (k in 1:40) { b <- p[j]+s*0.5*k*(if (k>8) 2^((k-8)/4) else 1); v <- tryCatch(inside(b),error=function(e) NA); if (is.na(v)) return(NA); if (v>0) break; a <- b }; if (v<=0) return(NA)
    uniroot(inside,sort(c(a,b)),tol=1e-9*max(1,abs(p[j])))$root }
  t(sapply(seq_len(n),function(j) c(one(j,-1),one(j,1)))) }
# Wald chi-squares of terms: type 3 with sum codings (set by the caller), types 1 and 2 by projection in the metric of the information
wald <- function(f, type) { X <- model.matrix(f); a <- attr(X,"assign"); tl <- attr(terms(f),"term.labels"); if (is.null(a)) stop("assign"); b <- fixef(f)$cond; V <- vcov(f,full=TRUE); V <- V[seq_along(b),seq_along(b)]; I <- solve(V); fac <- attr(terms(f),"factors")
  has <- function(i,j) i!=j && all(fac[fac[,i]>0,j]>0) # term j contains term i
  drop_ <- function(keep,out) { K <- diag(length(b))[,keep,drop=FALSE]; q <- function(K) { A <- t(K)%*%I%*%K; v <- t(K)%*%I%*%b; sum(v*solve(A,v)) }; q(K)-q(diag(length(b))[,out,drop=FALSE]) }
  r <- t(sapply(seq_along(tl),function(i) { if (type==3) { k <- which(a==i); return(c(sum(b[k]*solve(V[k,k],b[k])),length(k))) }
    others <- if (type==1) which(a<i) else which(!(a %in% c(i,which(sapply(seq_along(tl),function(j) has(i,j)))))); k <- sort(c(others,which(a==i))); c(drop_(k,others),sum(a==i)) }))
  data.frame(Chisq=r[,1],Df=r[,2],P=pchisq(r[,1],r[,2],lower.tail=FALSE),row.names=tl) }
shares <- function(f) { v <- try2(suppressWarnings(insight::get_variance(f))); list(r2=try2(lapply(performance::r2_nakagawa(f),unname)), icc=try2(as.list(performance::icc(f))), variance=v, null_fixef=try2(unname(fixef(insight::null_model(f,verbose=FALSE))$cond)), null_random=try2(sum(sapply(VarCorr(insight::null_model(f,verbose=FALSE))$cond,function(v) sum(diag(v)))))) }
I_ <- function(id, stem, formula, family, disp="~1", zi="~0", offset=NULL, steps=NULL, without=NULL, ranova=NULL, sums=NULL, note=NULL) if (grepl(pat,id)) { d <- rd(stem); if (!is.null(steps)) for (s in steps) d <- within(d, eval(parse(text=s))); assign("DD",d,globalenv())
  if (is.function(family)) family <- family(); base <- list(formula=as.formula(formula), data=quote(DD), family=family, dispformula=as.formula(disp), ziformula=as.formula(zi)); if (!is.null(offset)) base$offset <- d[[offset]]
  f <- fit1(base); o <- 2*f$fit$objective; P <- parameters(f); H <- numDeriv::jacobian(f$obj$gr,f$fit$par); V <- solve((H+t(H))/2); se <- sqrt(diag(V)); z <- qnorm(.975); est <- f$fit$par; pr <- profiled(f)
  nat <- function(x) mapply(back,x,P$scale)
  table <- data.frame(type=P$type,scale=P$scale,estimate_working=est,std_error_working=se,estimate=nat(est),wald_low=nat(est-z*se),wald_high=nat(est+z*se),profile_low=nat(pr[,1]),profile_high=nat(pr[,2])); rownames(table) <- P$name
  re <- function(a) { g <- fit1(a); list(minus2logLik=2*g$fit$objective, df=attr(logLik(g),"df")) }
  lr <- function(fs) if (!is.null(fs)) lapply(fs,function(s) c(list(formula=s),re(modifyList(base,list(formula=as.formula(s))))))
  fs <- if (is.null(sums)) f else { b2 <- base; for (s in sums) contrasts(d[[s]]) <- contr.sum(nlevels(d[[s]])); assign("DD",d,globalenv()); fit1(b2) }
  an <- list(type1=tab(wald(f,1)),type2=tab(wald(f,2)),type3=tab(wald(fs,3)))
  type3_lrt <- if (!is.null(sums)) { X <- model.matrix(fs); a <- attr(X,"assign"); tl <- attr(terms(fs),"term.labels"); r <- lapply(seq_along(tl),function(i) { k <- which(a!=i & a!=0); dd <- d; if (length(k)) dd$XX <- X[,k,drop=FALSE]; assign("DD",dd,globalenv()); rhs <- sub(".*?(\\([^~]*\\|.*)$","\\1",formula); ff <- as.formula(paste(deparse(as.formula(formula)[[2]]),if (length(k)) "~ XX +" else "~ 1 +",rhs)); c(list(term=tl[i]),re(modifyList(base,list(formula=ff)))) }); r }
  assign("DD",d,globalenv())
  out <- list(id=id,dataset=stem,data_steps=I(as.character(steps)),formula=formula,family=family$family,link=family$link,dispformula=disp,ziformula=zi,offset=offset,note=note,engine=paste("glmmTMB",packageVersion("glmmTMB")),performance=paste("performance",packageVersion("performance"),"insight",packageVersion("insight")),
    minus2logLik=o,optimizers_differ_by=attr(f,"differ"),df=attr(logLik(f),"df"),nobs=nobs(f),AIC=AIC(f),BIC=BIC(f),parameters=tab(table),covariance_working=mat(`dimnames<-`(V,list(P$name,P$name))),anova=an,type3_lrt=type3_lrt,without=lr(without),ranova=lr(ranova),shares=shares(f))
  put(id,out); cat(sprintf("%-24s %.6f (%.1e) NA limits %d\n",id,o,attr(f,"differ"),sum(is.na(pr)))) }
I_("cbpp","cbpp","cbind(incidence, size - incidence) ~ period + (1|herd)",binomial(),without="cbind(incidence, size - incidence) ~ 1 + (1|herd)",ranova="cbind(incidence, size - incidence) ~ period",sums="period")
I_("contraception","contraception","use ~ age * urban + I(age^2) + livch + (urban|district)",binomial(),without=c("use ~ age + urban + I(age^2) + livch + (urban|district)","use ~ age * urban + livch + (urban|district)","use ~ age * urban + I(age^2) + (urban|district)"),ranova=c("use ~ age * urban + I(age^2) + livch + (1|district)"),sums=c("urban","livch"))
I_("owls_nbinom2","owls","SiblingNegotiation ~ FoodTreatment * SexParent + (1|Nest)",nbinom2(),offset="logBroodSize",without=c("SiblingNegotiation ~ FoodTreatment + SexParent + (1|Nest)","SiblingNegotiation ~ FoodTreatment + (1|Nest)","SiblingNegotiation ~ SexParent + (1|Nest)","SiblingNegotiation ~ 1 + (1|Nest)"),ranova="SiblingNegotiation ~ FoodTreatment * SexParent",sums=c("FoodTreatment","SexParent"))
I_("owls_zinb2","owls","SiblingNegotiation ~ FoodTreatment * SexParent + (1|Nest)",nbinom2(),zi="~1",offset="logBroodSize",ranova="SiblingNegotiation ~ FoodTreatment * SexParent")
I_("owls_zip","owls","SiblingNegotiation ~ FoodTreatment * SexParent + (1|Nest)",poisson(),zi="~1",offset="logBroodSize")
I_("owls_poisson","owls","SiblingNegotiation ~ FoodTreatment * SexParent + (1|Nest)",poisson(),offset="logBroodSize")
I_("owls_disp","owls","SiblingNegotiation ~ FoodTreatment + (1|Nest)",nbinom1(),disp="~FoodTreatment",zi="~SexParent",offset="logBroodSize")
I_("grouseticks_poisson","grouseticks","TICKS ~ YEAR + cHEIGHT + (1|BROOD) + (1|INDEX) + (1|LOCATION)",poisson(),without=c("TICKS ~ cHEIGHT + (1|BROOD) + (1|INDEX) + (1|LOCATION)","TICKS ~ YEAR + (1|BROOD) + (1|INDEX) + (1|LOCATION)"),ranova=c("TICKS ~ YEAR + cHEIGHT + (1|INDEX) + (1|LOCATION)","TICKS ~ YEAR + cHEIGHT + (1|BROOD) + (1|LOCATION)","TICKS ~ YEAR + cHEIGHT + (1|BROOD) + (1|INDEX)"),sums="YEAR")
I_("grouseticks_nbinom2","grouseticks","TICKS ~ YEAR + cHEIGHT + (1|BROOD) + (1|LOCATION)",nbinom2(),ranova=c("TICKS ~ YEAR + cHEIGHT + (1|LOCATION)","TICKS ~ YEAR + cHEIGHT + (1|BROOD)"),sums="YEAR")
I_("sleepstudy_gamma","sleepstudy","Reaction ~ Days + (Days|Subject)",Gamma(link="log"),without="Reaction ~ 1 + (Days|Subject)",ranova="Reaction ~ Days + (1|Subject)")
I_("gasoline_beta","gasoline","y ~ endpoint + vapor + (1|Sample)",beta_family(),steps="y <- yield/100",without=c("y ~ vapor + (1|Sample)","y ~ endpoint + (1|Sample)"),ranova="y ~ endpoint + vapor")
I_("mmmec","mmmec","deaths ~ uvb + (1|nation/region)",poisson(),offset="logE",steps="logE <- log(expected)",ranova=c("deaths ~ uvb + (1|nation:region)","deaths ~ uvb + (1|nation)"))
I_("cbpp_betabinomial","cbpp","cbind(incidence, size - incidence) ~ period + (1|herd)",betabinomial(),without="cbind(incidence, size - incidence) ~ 1 + (1|herd)",ranova="cbind(incidence, size - incidence) ~ period")
