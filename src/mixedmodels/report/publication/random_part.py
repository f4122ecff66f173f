"""The rows of the random part: standard deviations and correlations, group by group."""

from collections.abc import Sequence

from mixedmodels.report.publication.content import Line, Row, Run, cell
from mixedmodels.report.publication.labels import group_label, readable
from mixedmodels.report.publication.options import Options, merged
from mixedmodels.report.publication.reading import RandomKind, RandomValue, ReadModel
from mixedmodels.report.publication.style import Style, decimals_of

Key = tuple[str, RandomKind, tuple[str, ...]]


def random_rows(models: Sequence[ReadModel], options: Options, style: Style) -> list[Row]:
    """One row per parameter, with one cell per model."""
    if options.random == "none":
        return []
    found = [{_key(one): one.value for one in model.random} for model in models]
    rows = []
    for key in merged([list(own) for own in found]):
        values = [own.get(key) for own in found]
        is_share = key[1] in ("correlation", "share")
        numbers = [_shown(value, key, options) for value in values if value is not None]
        decimals = decimals_of([] if is_share else numbers, options.digits)
        cells = []
        for value in values:
            text = ""
            if value is not None:
                write = style.share if is_share else style.number
                text = write(_shown(value, key, options), decimals)
            cells.append(cell(text))
        rows.append(Row(_label(key, options, style), tuple(cells), is_spanning=True))
    return _residual_last(rows, merged([list(own) for own in found]))


def _key(one: RandomValue) -> Key:
    return (one.group, one.kind, one.names)


def _shown(value: float, key: Key, options: Options) -> float:
    return value**2 if key[1] == "sd" and options.random == "variance" else value


def _residual_last(rows: list[Row], keys: Sequence[Key]) -> list[Row]:
    """The residual below the random effects, whichever models have which."""
    pairs = list(zip(rows, keys, strict=True))
    return [row for row, key in pairs if key[0] != "Residual"] + [
        row for row, key in pairs if key[0] == "Residual"
    ]


def _label(key: Key, options: Options, style: Style) -> Line:
    group, kind, names = key
    rename = options.rename
    written = [readable(name, rename) for name in names]
    start = f"{group_label(group, rename)}: " if group else ""
    if kind in ("share", "other"):
        return (Run(start + rename.get(names[0], names[0])),)
    inside = f" ({', '.join(written)})" if written else ""
    if kind == "correlation":
        what = style.letter("r") if style.short else (Run("correlation"),)
    elif options.random == "variance":
        what = (Run("variance"),)
    else:
        what = style.letter("SD")
    return tuple(run for run in (Run(start), *what, Run(inside)) if run.text)
