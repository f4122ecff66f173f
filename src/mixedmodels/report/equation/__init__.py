"""A model as a LaTeX equation: distribution, linear predictor, random effects, residuals."""
