"""Draws of all that a fit estimates: on which scale (`free_scale`), given these coefficients and
random effects (`conditional`), their tables (`draws`), and what they predict (`predicted_draws`).
"""
