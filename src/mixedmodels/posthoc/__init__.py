"""After the fit: marginal means, trends, contrasts, joint tests: linear functions of beta."""
