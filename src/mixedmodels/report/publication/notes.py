"""What stands below a table: how its numbers were found, and what a reader must beware of."""

from collections.abc import Sequence

from mixedmodels.report.publication.content import Line, Run
from mixedmodels.report.publication.facts import CRITERIA, Refused, fact_of
from mixedmodels.report.publication.options import Options
from mixedmodels.report.publication.reading import ReadModel
from mixedmodels.report.publication.style import Style
from mixedmodels.vocabulary import Layout, Shown


def notes_of(
    models: Sequence[ReadModel],
    names: Sequence[str],
    refused: Sequence[Refused],
    options: Options,
    style: Style,
    layout: Layout,
    asked: Sequence[Shown],
) -> tuple[Line, ...]:
    """The user's own notes first."""
    own = [(j, note) for j, model in enumerate(models) for note in model.notes]
    texts = [
        *options.notes,
        *_response(models, options),
        *_cells(models, options, layout, asked),
        *_by_model([*_scales(models), *own, *refused], names),
        *_criteria(models, options),
        *_stars(options, style),
    ]
    notes = [(Run(text),) for text in dict.fromkeys(texts)]
    if notes and style.note:
        mark = Run(style.note, italic=style.italics)
        notes[0] = (mark, *notes[0])  # type: ignore[assignment]
    return tuple(notes)


def _response(models: Sequence[ReadModel], options: Options) -> list[str]:
    """Of several models the response that they share; others stand over the columns."""
    responses = {model.response for model in models}
    [*only] = responses
    if len(models) == 1 or len(responses) > 1 or not only[0]:
        return []
    return [f"Response: {options.rename.get(only[0], only[0])}."]


def _cells(
    models: Sequence[ReadModel], options: Options, layout: Layout, asked: Sequence[Shown]
) -> list[str]:
    """What cells hold where no head says it."""
    if layout == "columns":
        return []
    parts = ["Estimates"]
    parts += ["standard errors in parentheses"] if "std_error" in asked else []
    parts += [f"{100 * options.level:g}% confidence intervals"] if "conf_int" in asked else []
    return [f"{' with '.join(parts[:2])}{''.join(f', {part}' for part in parts[2:])}."]


def _scales(models: Sequence[ReadModel]) -> list[tuple[int, str]]:
    """What estimates are that are no coefficients as they stand."""
    return [
        (j, f"{model.scale}s; of the intercept, the value itself.")
        for j, model in enumerate(models)
        if model.scale != "Estimate"
    ]


def _by_model(notes: Sequence[tuple[int, str]], names: Sequence[str]) -> list[str]:
    """Notes with the models that they are about, unless that is all of them."""
    about: dict[str, list[str]] = {}
    for j, note in notes:
        about.setdefault(note, []).append(names[j])
    return [
        note if len(owners) == len(names) else f"{', '.join(owners)}: {note}"
        for note, owners in about.items()
    ]


def _criteria(models: Sequence[ReadModel], options: Options) -> list[str]:
    """Where log-likelihoods and criteria stand beside each other and cannot be compared."""
    if not set(options.facts) & set(CRITERIA):
        return []
    models = [m for m in models if any(_fact(m, name) is not None for name in CRITERIA)]
    is_reml = [_fact(model, "estimation") == "REML" for model in models]
    terms = {frozenset(m.terms) for m, reml in zip(models, is_reml, strict=True) if reml}
    notes = []
    if any(is_reml) and not all(is_reml):
        notes.append("Criteria of REML and ML fits cannot be compared.")
    if len(terms) > 1:
        notes.append("Criteria of REML fits with different fixed effects cannot be compared.")
    if len({model.response for model in models}) > 1:
        notes.append("Criteria of models of different responses cannot be compared.")
    elif len({_fact(model, "nobs") for model in models}) > 1:
        notes.append("Criteria of models of different rows cannot be compared.")
    return notes


def _fact(model: ReadModel, name: str) -> object:
    return fact_of(model, name)[0]


def _stars(options: Options, style: Style) -> list[str]:
    if not options.stars:
        return []
    gap = " " if style.spaced else ""
    ordered = sorted(options.stars.items(), key=lambda pair: -pair[1])
    limits = [f"{mark} {style.p}{gap}<{gap}{_limit(limit, style)}" for mark, limit in ordered]
    return [f"{', '.join(limits)}."]


def _limit(value: float, style: Style) -> str:
    text = f"{value:g}"
    return text if style.zero else text.removeprefix("0")
