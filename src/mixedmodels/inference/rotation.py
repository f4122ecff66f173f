"""Principal components of the random effects: how many directions their variance has."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.linalg import block_diag

from mixedmodels.fit.fit import Fit
from mixedmodels.fit.labels import column_labels, group_names, terms_of_group
from mixedmodels.fit.variance_components import known_entries, reported_templates

Vector = NDArray[np.float64]


def re_pca(fit: Fit) -> dict[str, pd.DataFrame]:
    """Per group, the principal components of the covariance of its random effects.

    One row per component, the largest first: its standard deviation relative to the residual's
    (``sd``), its share of the variance (``proportion``), and its direction, one column
    ``loading(x)`` per effect x, of unit length and with its largest entry positive. A standard
    deviation of zero is a direction that the effects do not vary in. Components depend on the
    units of the covariates, since effects of different covariates are compared as they are. nan
    where the data cannot tell a parameter of the group's covariance.
    """
    labels = column_labels(fit.matrices)
    T = reported_templates(fit)
    out = {}
    for g, group in enumerate(group_names(fit.matrices)):
        terms = terms_of_group(fit.matrices, g)
        names = [name for k in terms for name in labels[k]]
        found = _components(block_diag(*(T[k] for k in terms)), names)
        known = all(known_entries(fit, k).all() for k in terms)
        out[group] = found if known else found * np.nan
    return out


def _components(T: Vector, names: list[str]) -> pd.DataFrame:
    """The components of T T', from the singular values of T."""
    directions, sd, _ = np.linalg.svd(T)
    sd = np.append(sd, np.zeros(len(T) - len(sd)))
    largest = np.argmax(np.abs(directions), axis=0)
    directions = directions * np.sign(directions[largest, np.arange(len(sd))])
    total = float(sd @ sd)
    columns = {
        "sd": sd,
        "proportion": sd**2 / total if total > 0 else np.full(len(sd), np.nan),
        **{f"loading({name})": directions[j] for j, name in enumerate(names)},
    }
    return pd.DataFrame(columns, index=[f"PC{i}" for i in range(1, len(sd) + 1)])
