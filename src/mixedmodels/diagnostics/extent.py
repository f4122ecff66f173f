"""How much of a series is looked at by default."""

LAGS = 12
"""Lags of an autocorrelation function."""

BINS = 20
"""Classes of distances of a variogram."""
