"""Robust fits."""

from __future__ import annotations

from numpy.typing import ArrayLike

from mixedmodels.api.models import request_of
from mixedmodels.engine.settings import Control
from mixedmodels.robust_fit import RobustMixedModel
from mixedmodels.robust_fit.fitting import RobustRequest, fit_robust
from mixedmodels.vocabulary import Context, Contrasts, Missing, PsiFunction


def rlmm(
    formula: str,
    data: object,
    *,
    psi: PsiFunction = "smoothed_huber",
    efficiency: float = 0.95,
    df: float | None = None,
    weights: str | ArrayLike | None = None,
    offset: str | ArrayLike | None = None,
    contrasts: Contrasts | None = None,
    context: Context | None = None,
    missing: Missing = "drop",
    control: Control | None = None,
) -> RobustMixedModel:
    """Fit a linear mixed model in which outlying rows and outlying groups count less.

    The estimating equations of REML with bounded residuals and random effects (Koller 2013, 2016):
    every row and every level of a group has a weight, and the scales are consistent at normal data,
    whatever the design (design-adaptive scale). Without bounds (``efficiency=1``) it is `lmm`.

    Parameters
    ----------
    formula, data, weights, offset, contrasts, context, missing
        As of `lmm`. Random terms are ``(x | g)`` and ``(x || g)``, nested or crossed; effects that
        are correlated share a weight by their joint distance.
    psi : {"smoothed_huber", "huber", "bisquare", "t"}
        ``"huber"`` bounds influence, and smoothed is the version with smooth weights, the default;
        ``"bisquare"`` gives gross outliers no weight at all, and may have several solutions: the
        one near Huber's is given. ``"t"``: maximum likelihood with a multivariate t distribution
        per level of the outermost group (Pinheiro, Liu & Wu 2001), whose rows share one weight;
        without a bar every row has its own. Its variance components are scales.
    efficiency : float
        At normal data relative to the normal fit, of fixed effects and of scales, from which the
        tuning constants follow: 0.95 is Huber's 1.345 and the bisquare's 4.685 for location.
    df : float, optional
        Degrees of freedom of ``"t"``; by default they are estimated.
    control : Control, optional
        Limits of time and memory, and what a failure does.

    Returns
    -------
    RobustMixedModel
        Fitted and immutable.

    Raises
    ------
    FormulaError, DataError
        If the model cannot be fitted, or has a structure that robust fits do not.

    Notes
    -----
    An outlying group is one whose random effects are far from the others': its level has a small
    weight, its rows may have full ones. Rows with unusual covariates are not bounded: influence is
    in the response alone.

    Examples
    --------
    >>> import mixedmodels as mm
    >>> data = mm.datasets.load("sleepstudy")
    >>> spoilt = data.assign(Reaction=data["Reaction"].where(data.index != 9, 10_000))
    >>> formula = "Reaction ~ Days + (Days | Subject)"
    >>> [float(m(formula, spoilt).params["Days"].round(1)) for m in (mm.lmm, mm.rlmm)]
    [39.4, 10.8]
    """
    request = request_of(
        formula,
        data,
        reml=False,
        weights=weights,
        offset=offset,
        contrasts=contrasts,
        context=context,
        missing=missing,
        control=control,
        residual=None,
        sigma=None,
        known=None,
        fixed=None,
        tied=None,
        method="exact",
    )
    return RobustMixedModel(fit_robust(request, RobustRequest(psi, efficiency, df)))
