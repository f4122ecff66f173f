"""statsmodels' names of the variance parameters, and where ours stand among them."""

from collections.abc import Sequence

from mixedmodels.fit.fit import Fit


def re_names_full(names: Sequence[str]) -> list[str]:
    """``a Var``, ``a x b Cov``, ``b Var``, …: the lower triangle by rows."""
    out = []
    for i, row in enumerate(names):
        out += [f"{names[j]} x {row} Cov" for j in range(i)]
        out.append(f"{row} Var")
    return out


def positions(fit: Fit, has_re: bool) -> list[tuple[int, int, int] | None]:
    """Per parameter of statsmodels its term, row and column; None for a covariance held at zero."""
    out: list[tuple[int, int, int] | None] = []
    for k, term in enumerate(fit.matrices.terms):
        if k == 0 and has_re:
            for i in range(len(term.names)):
                for j in range(i + 1):
                    free = i == j or not term.is_independent
                    out.append((k, i, j) if free else None)
        else:
            out.append((k, 0, 0))
    return out
