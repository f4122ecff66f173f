"""Fits of one model to several imputations of the same data, pooled by Rubin's rules."""
