# The data sets that only the generalised references need, and their levels. Run in the folder that holds data/.
suppressMessages({library(jsonlite); library(MASS); library(ordinal); library(glmmTMB)})
cat_ <- list()
put <- function(id, d, source, reference) { 
  cols <- lapply(names(d), function(n) { v <- d[[n]]; if (is.factor(v)) list(name=n, type=if (is.ordered(v)) "ordered" else "factor", levels=I(levels(v))) else list(name=n, type=if (is.integer(v)) "integer" else "numeric") })
  write.csv(d, file.path("data", paste0(id, ".csv")), row.names=FALSE, quote=FALSE, na="")
  cat_[[id]] <<- list(file=paste0(id,".csv"), rows=nrow(d), source=source, reference=reference, columns=cols) }
d <- MASS::epil; d$subject <- factor(d$subject); d$period <- factor(d$period); d$V4 <- as.integer(d$V4)
put("epil", d, "MASS 7.3-58.2", "Thall & Vail (1990) Biometrics 46, 657-671")
d <- MASS::bacteria; d$hilo <- NULL; d$ap <- NULL; d$late <- as.integer(d$week > 2)
put("bacteria", d, "MASS 7.3-58.2", "Leach (2000); Venables & Ripley (2002) Modern Applied Statistics with S, sec. 10.4; late = week > 2")
d <- ordinal::wine; put("wine", d[c("rating","temp","contact","bottle","judge")], "ordinal 2022.11-16", "Randall (1989) Biometrical Journal 31, 781-793")
d <- glmmTMB::Salamanders; put("salamanders", d[c("site","mined","cover","DOY","spp","count")], "glmmTMB 1.1.5", "Price, Muncy, Bonner, Drayer & Barton (2016) J. Appl. Ecol. 53, 450-459")
rd <- function(f) read.csv(gzfile(f), na.strings="<NA>", stringsAsFactors=FALSE)
P <- "data_peers/r/"  # exports of faraway, lme4 and agridat: write.csv, missing values as <NA>
d <- rd(paste0(P,"far_ctsib.csv.gz")); C <- d
d <- data.frame(subject=factor(C$Subject), sex=factor(C$Sex,c("female","male")), surface=factor(C$Surface,c("foam","norm")), vision=factor(C$Vision,c("closed","dome","open")), stable=as.integer(C$CTSIB==1))
put("balance", d, "faraway", "Faraway (2016) Extending the Linear Model with R, sec. 13.4: ctsib; stable = CTSIB is 1")
d <- rd(paste0(P,"l4_culcita_dat.csv.gz"))
d <- data.frame(block=factor(d$block), predation=as.integer(d$predation), ttt=factor(d$ttt,c("none","crabs","shrimp","both")))
put("culcita", d, "lme4's tests", "McKeon, Stier, McIlroy & Bolker (2012) Oecologia 169, 1095-1103")
d <- rd(paste0(P,"agri_keen.potatodamage.csv.gz")); for (n in c("energy","weight","gen","rod")) d[[n]] <- factor(d[[n]]); d$damage <- factor(d$damage, ordered=TRUE); d$count <- as.integer(d$count)
d <- d[c("energy","weight","gen","rod","damage","count")]
put("potatoes", d, "agridat", "Keen & Engel (1997) Statistica Neerlandica 51, 129-144")
writeLines(toJSON(cat_, auto_unbox=TRUE, pretty=FALSE), "data/schema_more.json")
