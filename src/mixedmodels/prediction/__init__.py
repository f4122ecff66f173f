"""Predictions for the rows of a fit and for new ones."""
