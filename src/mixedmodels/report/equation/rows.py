r"""The distribution of the rows of an equation: of the residuals, or of the response itself."""

from mixedmodels.data import label
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.variance_components import residual_sd, told_parameters
from mixedmodels.report.equation.symbols import Letters, name, number, of_row, subscript
from mixedmodels.report.structures import structure_in_words, variances_in_words
from mixedmodels.vocabulary import FamilyName, LinkName

Sides = tuple[str, str]

PARAMETER = r"\phi"
"""The dispersion of a generalised model."""

DISTRIBUTIONS: dict[FamilyName, str] = {
    "poisson": r"\mathrm{Poisson}(\mu_{i})",
    "nb2": r"\mathrm{NegBin}(\mu_{i},\, \phi_{i}),"
    r"\quad \mathrm{Var} = \mu_{i} + \mu_{i}^{2} / \phi_{i}",
    "nb1": r"\mathrm{NegBin}(\mu_{i},\, \phi_{i}),\quad \mathrm{Var} = \mu_{i} (1 + \phi_{i})",
    "gamma": r"\mathrm{Gamma}(\mu_{i},\, \phi_{i}),\quad \mathrm{Var} = (\phi_{i} \mu_{i})^{2}",
    "inverse_gaussian": r"\mathrm{InverseGaussian}(\mu_{i},\, \phi_{i}),"
    r"\quad \mathrm{Var} = \phi_{i}^{2} \mu_{i}^{3}",
    "beta": r"\mathrm{Beta}(\mu_{i},\, \phi_{i}),"
    r"\quad \mathrm{Var} = \mu_{i} (1 - \mu_{i}) / (1 + \phi_{i})",
    "student_t": r"\mu_{i} + \phi_{i}\, t_{\nu}",
    "gaussian": r"\mathcal{N}(\mu_{i},\, \phi_{i}^{2})",
}
"""With the mean of row i, and the dispersion as the package means it."""

LINKS: dict[LinkName, str] = {
    "logit": r"\mathrm{logit}(%s)",
    "probit": r"\Phi^{-1}(%s)",
    "cloglog": r"\mathrm{cloglog}(%s)",
    "cauchit": r"\mathrm{cauchit}(%s)",
    "log": r"\log(%s)",
    "identity": r"%s",
    "sqrt": r"\sqrt{%s}",
    "inverse": r"1 / %s",
    "1/mu^2": r"1 / %s^{2}",
}


def response_lines(fit: Fit, response: str) -> tuple[list[Sides], str]:
    """What the response of a generalised model is distributed as, and the left side of its linear
    predictor.
    """
    family = fit.family
    if family.response == "ordered":
        left = LINKS[family.link] % rf"\Pr({response} \leq c)"
        return [], left
    levels = fit.spec.response_levels
    if family.response == "trials" and levels:
        response = f"[{response} = {name(label(levels[1]))}]"
    elif family.response == "trials" and not _is_single(fit):
        response = rf"n_{{i}}\,{response}"
    lines: list[Sides] = [(response, _zeros(fit, _distribution(fit)))]
    return lines, LINKS[family.link] % r"\mu_{i}"


def _distribution(fit: Fit) -> str:
    family = fit.family
    if family.response == "trials":
        trials = "1" if _is_single(fit) else "n_{i}"
        if family.name == "beta_binomial":
            return rf"\mathrm{{BetaBinomial}}({trials},\, \mu_{{i}},\, \phi_{{i}})"
        return rf"\mathrm{{Binomial}}({trials},\, \mu_{{i}})"
    return _of_one_dispersion(fit, DISTRIBUTIONS[family.name])


def _is_single(fit: Fit) -> bool:
    """Whether every row is one trial."""
    size = fit.matrices.size
    return size is None or bool((size == 1).all())


def _of_one_dispersion(fit: Fit, text: str) -> str:
    """Without an index where the dispersion is the same in all rows."""
    parts = [part for part in fit.matrices.auxiliary if part.kind == "dispersion"]
    is_one = all(part.names == ("Intercept",) for part in parts)
    return text.replace(r"\phi_{i}", PARAMETER) if is_one else text


def _zeros(fit: Fit, text: str) -> str:
    words = {"inflated": "a further zero", "hurdle": "a zero, and none elsewhere,"}
    what = words.get(fit.family.zero)
    if what is None:
        return text
    return rf"{text} \quad \text{{with {what} with probability }} \pi_{{i}}"


def parameter_lines(fit: Fit, digits: int | None) -> list[Sides]:
    """The estimates of what is neither a coefficient nor a variance of plain random effects."""
    found, estimates = told_parameters(fit)
    lines = []
    for group, term, entry, value in zip(
        found.groups, found.terms, found.entries, estimates, strict=True
    ):
        if entry is None or (entry.owner == "term" and _is_plain(fit, entry.index)):
            continue
        left = name(f"{group}: {term}")
        lines.append((left, f"= {number(float(value), digits)}"))
    return lines


def _is_plain(fit: Fit, term: int) -> bool:
    return fit.matrices.terms[term].structure.is_plain


def residual_line(fit: Fit, letters: Letters, *, numbers: bool, digits: int | None) -> Sides:
    """The distribution of the residuals of a linear model."""
    m, error = fit.matrices, letters.error
    residual, spec = m.residual, fit.spec.residual
    sd = rf"{letters.residual_sd}"
    is_same = residual is None or residual.scale is None
    if m.known_sigma is not None and not (fit.request.fixed or fit.request.tied):
        variance = number(float(m.known_sigma) ** 2, digits)
    elif numbers and is_same:
        variance = number(residual_sd(fit) ** 2, digits)
    else:
        variance = f"{sd}^{{2}}" if is_same else rf"{sd}{subscript('i')}^{{2}}"
    weighted = " / w_{i}" if m.weights is not None else ""
    if residual is None or residual.structure is None or spec is None or spec.blocks is None:
        return f"{error}_{{i}}", rf"\sim \mathcal{{N}}\left(0,\, {variance}{weighted}\right)"
    structure = residual.structure
    words = f"{structure_in_words(structure)}{variances_in_words(structure)}"
    group = residual.group or "all rows"
    correlation = _correlation(structure.kind, letters, " and ".join(spec.blocks.term.positions))
    left = rf"\boldsymbol{{{error}}}{subscript(name(group))}"
    described = rf"\quad \mathbf{{R}}:\ {name(words)}{correlation}"
    spread = rf"{variance}{weighted}\, \mathbf{{R}}"
    return left, rf"\sim \mathcal{{N}}\left(\mathbf{{0}},\, {spread}\right),{described}"


def _correlation(kind: str, letters: Letters, position: str) -> str:
    """The correlation of rows i and j of one block, where it has a short formula."""
    rho = letters.correlation
    if kind == "cs":
        return rf",\ R_{{ij}} = {rho}"
    if kind in ("ar1", "car1") and position:
        at = name(position)
        return rf",\ R_{{ij}} = {rho}^{{\left|{at}_{{i}} - {at}_{{j}}\right|}}"
    return ""


def scale_line(fit: Fit, letters: Letters) -> list[Sides]:
    """How the residual standard deviation differs between rows."""
    residual = fit.matrices.residual
    scale = None if residual is None else residual.scale
    if scale is None:
        return []
    terms = [rf"\gamma_{{{k + 1}}}\,{of_row(text)}" for k, text in enumerate(scale.names)]
    terms += [rf"\delta\, \log \left|{name(power.name)}_{{i}}\right|" for power in scale.powers]
    left = rf"\log {letters.residual_sd}_{{i}}"
    return [(left, " + ".join([rf"= \log {letters.residual_sd}", *terms]))]
