"""`Table`: several models side by side, for a paper."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mixedmodels.data import Backend
from mixedmodels.data import table as table_in
from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.options import require_flag
from mixedmodels.report.publication import (
    great_table,
    html,
    latex,
    markdown,
    plain,
    typst,
    word,
)
from mixedmodels.report.publication.content import Content
from mixedmodels.report.publication.fits import has_ratios, read_fit
from mixedmodels.report.publication.grid import grid_of
from mixedmodels.report.publication.layout import laid_out
from mixedmodels.report.publication.options import checked
from mixedmodels.report.publication.reading import Asked, read_results
from mixedmodels.report.publication.style import style_of


@dataclass(frozen=True, slots=True, repr=False)
class Table:
    """A table of models, as `mixedmodels.table` makes it. It prints, and shows in a notebook.

    In every format names and labels appear as they are: nothing in them is markup.

    Attributes
    ----------
    content : Content
        Its title, heads, parts and notes.
    backend : Backend
        The frame library of `frame`.

    Examples
    --------
    >>> import mixedmodels as mm
    >>> model = mm.lmm("Yield ~ 1 + (1 | Batch)", mm.datasets.load("dyestuff"))
    >>> print(mm.table(model, facts=["nobs"], show=["estimate", "std_error"]))
    ─────────────────────────────────────────────
                                    Yield
                             Estimate  Std. error
    ─────────────────────────────────────────────
    Fixed effects
      Intercept               1527.50       19.38
    Random effects
      Batch: SD (Intercept)     42.00
      Residual: SD              49.51
    Model
      N                               30
    ─────────────────────────────────────────────
    Note: Tests with degrees of freedom by Satterthwaite’s method.
    """

    content: Content
    backend: Backend

    def text(self) -> str:
        """Plain text, as it prints."""
        return plain.render(self.content)

    def html(self) -> str:
        """A piece of HTML without scripts or colours; what is too wide scrolls by itself."""
        return html.render(self.content)

    def latex(self) -> str:
        r"""A floating table for LaTeX, with the rules of ``\usepackage{booktabs}``."""
        return latex.render(self.content)

    def typst(self) -> str:
        """A figure for Typst."""
        return typst.render(self.content)

    def markdown(self) -> str:
        """A table with pipes, as GitHub reads them."""
        return markdown.render(self.content)

    def frame(self) -> Any:
        """The finished text of the cells: columns `part`, `term`, and those of the table by name.

        In the frame library of the first model's data. For numbers see `MixedModel.tidy`.
        """
        return table_in(grid_of(self.content), self.backend)

    def great_table(self) -> Any:
        """The table as a `GT` of the package great_tables, to be styled further.

        Raises
        ------
        DataError
            If great_tables is not installed.
        """
        return great_table.made(self.content)

    def save(self, path: str | Path) -> Path:
        """Write a file of the kind that its name ends in.

        ``.docx`` a Word document, ``.html`` a page, ``.tex``, ``.typ``, ``.md``, ``.txt``. An older
        file is replaced.

        Raises
        ------
        DataError
            If the ending is none of these, the folder does not exist, or a Word document is wanted
            without the package python-docx.
        """
        return _saved(self.content, Path(path))

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        return self.html()


WRITERS: dict[str, Callable[[Content], str]] = {
    ".html": html.page,
    ".htm": html.page,
    ".tex": latex.render,
    ".typ": typst.render,
    ".md": markdown.render,
    ".txt": plain.render,
}


def _saved(content: Content, path: Path) -> Path:
    ending = path.suffix.lower()
    if ending not in (".docx", *WRITERS):
        raise DataError(
            f"{path.name!r} ends in no kind of file that a table can be.\n"
            f"Do:   let it end in one of .docx, {', '.join(WRITERS)}."
        )
    if not path.parent.is_dir():
        raise DataError(
            f"There is no folder {str(path.parent)!r}.\nDo:   make it, or write elsewhere."
        )
    if ending == ".docx":
        word.save(content, path)
    else:
        path.write_text(WRITERS[ending](content).rstrip("\n") + "\n", encoding="utf-8")
    return path


def table(
    models: Sequence[Any],
    *,
    style: str,
    exponentiate: bool,
    tests: Mapping[str, Any],
    choices: Mapping[str, Any],
) -> Table:
    """The table of some models, with the `choices` that `Options` holds; see `mixedmodels.table`.

    Raises
    ------
    DataError
        If there is no model, one is none, or an option is not what it may be.
    """
    require_flag("exponentiate", exponentiate)
    if not models:
        raise DataError("There is no model.\nDo:   give fitted models, as mm.table(model).")
    preset, options = style_of(style), checked(choices, len(models))
    asked = Asked(options.level, bool(exponentiate), tests)
    fits = [_fit_of(model) for model in models]
    if exponentiate and not any(fit is None or has_ratios(fit) for fit in fits):
        raise DataError(
            "Exponentials of the coefficients of none of these models are ratios.\n"
            "Do:   leave exponentiate out.\n"
            "Why:  only with the links logit and log, and of trials cloglog, they are."
        )
    read = [
        read_results(model, asked) if fit is None else read_fit(fit, asked)
        for model, fit in zip(models, fits, strict=True)
    ]
    backend = next((fit.frame.backend for fit in fits if fit is not None), Backend.PANDAS)
    return Table(laid_out(read, options, preset), backend)


def _fit_of(model: Any) -> Fit | None:
    fit = getattr(model, "fit", None)
    return fit if isinstance(fit, Fit) else None
