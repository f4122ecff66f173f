"""`Equation`: a fitted model as LaTeX."""

from collections.abc import Sequence
from dataclasses import dataclass

from mixedmodels.fit.fit import Fit
from mixedmodels.fit.fixed_effects import coefficients, standard_errors
from mixedmodels.options import require_count, require_flag
from mixedmodels.report.equation.random_effects import distribution, effects_of, summands
from mixedmodels.report.equation.rows import (
    Sides,
    parameter_lines,
    residual_line,
    response_lines,
    scale_line,
)
from mixedmodels.report.equation.symbols import GREEK, LATIN, Letters, number, of_row
from mixedmodels.report.publication.fits import n_factors
from mixedmodels.report.publication.labels import pieces
from mixedmodels.report.publication.options import checked_digits

MOST_TERMS = 12
"""Coefficients that are written out; more are x'beta."""


@dataclass(frozen=True, slots=True, repr=False)
class Equation:
    """A model as lines of LaTeX, each in two parts that are aligned.

    Attributes
    ----------
    lines : tuple of (str, str)
        What is left of the relation, and the relation with what is right of it.
    """

    lines: tuple[Sides, ...]

    def latex(self, environment: str = "aligned") -> str:
        r"""The lines within an environment of mathematics.

        Parameters
        ----------
        environment : str
            ``"aligned"`` stands within ``\[ … \]`` or ``$$ … $$``; ``"align"`` and ``"align*"``
            on their own.
        """
        body = " \\\\\n".join(f"  {left} & {right}" for left, right in self.lines)
        return f"\\begin{{{environment}}}\n{body}\n\\end{{{environment}}}"

    def __str__(self) -> str:
        return self.latex()

    def __repr__(self) -> str:
        return self.latex()

    def _repr_latex_(self) -> str:
        return f"$$\n{self.latex()}\n$$"


def equation(
    fit: Fit,
    *,
    numbers: bool = False,
    greek: bool = True,
    digits: int | None = None,
    terms_per_line: int = 4,
) -> Equation:
    """The equation of a fit, as `MixedModel.equation` explains it.

    Raises
    ------
    DataError
        If an option is not what it may be.
    """
    require_flag("numbers", numbers)
    require_flag("greek", greek)
    require_count("terms_per_line", terms_per_line, what="terms")
    digits = checked_digits(digits)
    letters = GREEK if greek else LATIN
    effects = effects_of(fit)
    sums = [
        *_fixed(fit, letters, numbers=numbers, digits=digits),
        *(part for one in effects for part in summands(one, letters)),
        *_offset(fit),
    ]
    lines = _predictor(fit, letters, sums, terms_per_line)
    for one in effects:
        left, right = distribution(one, letters, numbers=numbers, digits=digits)
        lines.append((left, rf"\sim {right}"))
    if fit.generalised is None:
        lines.append(residual_line(fit, letters, numbers=numbers, digits=digits))
        lines += scale_line(fit, letters)
    if numbers:
        lines += parameter_lines(fit, digits)
    return Equation(tuple(lines))


def _predictor(fit: Fit, letters: Letters, sums: list[str], per_line: int) -> list[Sides]:
    """The response and its mean, the sum broken into lines."""
    response = of_row(fit.spec.formula.response_name)
    lines: list[Sides] = []
    left = response
    if fit.generalised is None:
        sums = [*sums, f"{letters.error}_{{i}}"]
    else:
        before, left = response_lines(fit, response)
        lines += [(one, rf"\sim {other}") for one, other in before]
    first = "= "
    if fit.family.response == "ordered":
        first, sums = r"= \theta_{c} - \left[", [*sums[:-1], rf"{sums[-1]}\right]"]
        per_line = max(per_line, len(sums))  # brackets that grow end in the line where they begin
    sums = sums or ["0"]
    rows = [sums[k : k + per_line] for k in range(0, len(sums), per_line)]
    lines.append((left, first + _joined(rows[0])))
    lines += [("", r"\quad " + _joined(row, leading=True)) for row in rows[1:]]
    return lines


def _joined(parts: Sequence[str], *, leading: bool = False) -> str:
    """A sum, in which what begins with a minus is subtracted."""
    text = ""
    for place, part in enumerate(parts):
        is_negative = part.startswith("-")
        bare = part.removeprefix("-")
        if place == 0 and not leading:
            text = f"-{bare}" if is_negative else bare
        else:
            text += f" - {bare}" if is_negative else f" + {bare}"
    return text.strip()


def _fixed(fit: Fit, letters: Letters, *, numbers: bool, digits: int | None) -> list[str]:
    names = fit.matrices.x_names
    if len(names) > MOST_TERMS:
        return [rf"\mathbf{{x}}_{{i}}^{{\top}} \boldsymbol{{{letters.coefficient}}}"]
    factors = n_factors(fit)
    estimates, errors = coefficients(fit), standard_errors(fit)
    out = []
    for j, column in enumerate(names):
        coefficient = f"{letters.coefficient}_{{{j}}}"
        if numbers:
            coefficient = number(float(estimates[j]), digits, float(errors[j]))
        out.append(f"{coefficient}{_column(column, factors.get(column))}")
    return out


def _column(column: str, n_factors: int | None) -> str:
    r"""A column of X as a factor: nothing for the intercept, a product for an interaction."""
    if column == "Intercept":
        return ""
    found = pieces(column, n_factors)
    if found is None:
        return rf"\,{of_row(column)}"
    written = [
        of_row(piece.name) if piece.level is None else of_row(f"{piece.name}[{piece.level}]")
        for piece in found
    ]
    return r"\," + r" \cdot ".join(written)


def _offset(fit: Fit) -> list[str]:
    if fit.matrices.offset is None:
        return []
    given = fit.request.offset
    return [of_row(given) if isinstance(given, str) else r"\mathrm{offset}_{i}"]
