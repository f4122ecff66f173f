"""Permutation tests of fixed effects: what is exchanged (`schemes`) in which ways
(`arrangements`), after a fit under the null hypothesis (`null_model`) whose covariance makes rows
independent (`whitening`).
"""

from mixedmodels.inference.permutation.permutation import permutation_test

__all__ = ["permutation_test"]
