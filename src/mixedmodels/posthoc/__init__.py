"""Marginal means, contrasts and trends of a fit, and tests of many of them at once."""
