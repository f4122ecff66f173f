"""Arguments, exit status and error text of the command `mixedmodels`.

Exit status: 0 for success, 1 for a problem with the data or the formula (one message on standard
error), 2 for wrong usage. Standard error also tells what had to be decided about the data.
"""

import argparse
import os
import sys
import warnings
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, get_args

from mixedmodels import datasets
from mixedmodels.api.generalised import glmm
from mixedmodels.api.models import lmm
from mixedmodels.cli.files import check_outputs, write_json
from mixedmodels.cli.results import Extras, results, shown
from mixedmodels.cli.table import Reading, Table, read_table
from mixedmodels.design.names import references
from mixedmodels.errors import MixedModelsError, MixedModelsWarning
from mixedmodels.fit.degrees_of_freedom import ddf_of
from mixedmodels.formula import parse
from mixedmodels.model import MixedModel
from mixedmodels.vocabulary import (
    ContrastName,
    DegreesOfFreedom,
    FamilyName,
    IntervalMethod,
    LinkName,
)

OF_FAMILIES = ("link", "trials", "exposure", "nodes", "dispersion", "zero", "hurdle")
"""Options of generalised models alone."""

SEPARATORS = {"tab": "\t", r"\t": "\t", "space": " ", "comma": ",", "semicolon": ";"}
"""Separators in words."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status.

    Parameters
    ----------
    arguments : sequence of str, optional
        Without the program's name; by default those of the process.
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    _check_family(parser, options)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", MixedModelsWarning)  # the summary says the same
            output = _fit(options) if options.command == "fit" else _list_datasets()
    except MixedModelsError as error:
        sys.stderr.write(f"mixedmodels: {error}\n")
        return 1
    return _print(output)


def _print(output: str) -> int:
    try:
        sys.stdout.write(f"{output}\n")
        sys.stdout.flush()
    except BrokenPipeError:  # as with `| head`: the reader has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="mixedmodels", description="Mixed models.")
    parser.add_argument("--version", action="version", version=f"%(prog)s {version('mixedmodels')}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    fit = commands.add_parser(
        "fit",
        help="fit a model to a CSV or Parquet file",
        description="Fit a model to a file and print its summary.",
    )
    fit.add_argument(
        "data", type=Path, metavar="DATA",
        help="CSV (any separator, also compressed) or Parquet; - for standard input",
    )  # fmt: skip
    fit.add_argument("formula", metavar="FORMULA", help='such as "y ~ x + (1 | g)"')
    _add_model(fit.add_argument_group("the model"))
    _add_family(fit.add_argument_group("generalised models", "For a response that is not normal."))
    _add_results(fit.add_argument_group("results"))
    _add_reading(fit.add_argument_group("how the file is read", "Found out where it is not given."))
    commands.add_parser("datasets", help="list the bundled data sets")
    return parser


def _add_model(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--ml", action="store_true", help="maximum likelihood instead of REML")
    group.add_argument("--weights", metavar="COLUMN", help="precision weights")
    group.add_argument("--offset", metavar="COLUMN", help="a known part of the mean")
    group.add_argument(
        "--contrasts", action="append", default=[], type=_coding, metavar="COLUMN=CODING",
        help=f"coding of a factor: {', '.join(get_args(ContrastName))}; may be repeated",
    )  # fmt: skip
    group.add_argument(
        "--ddf", choices=get_args(DegreesOfFreedom),
        help="degrees of freedom of the tests of fixed effects (default: satterthwaite, and normal "
        "with --family)",
    )  # fmt: skip


def _add_family(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--family", metavar="NAME", choices=get_args(FamilyName),
        help=f"distribution of the response: {', '.join(get_args(FamilyName))}",
    )  # fmt: skip
    group.add_argument(
        "--link", metavar="NAME", choices=get_args(LinkName),
        help=f"link of its mean (default: the family's own): {', '.join(get_args(LinkName))}",
    )  # fmt: skip
    group.add_argument("--trials", metavar="COLUMN", help="trials of binomial counts")
    group.add_argument("--exposure", metavar="COLUMN", help="exposure of counts, or time at risk")
    group.add_argument(
        "--nodes", type=int, metavar="NUMBER",
        help="nodes of adaptive quadrature (default: Laplace's approximation)",
    )  # fmt: skip
    group.add_argument("--dispersion", metavar="FORMULA", help='of the log dispersion, as "~ arm"')
    group.add_argument("--zero", metavar="FORMULA", help="of the logit of zero inflation")
    group.add_argument("--hurdle", metavar="FORMULA", help="of the logit of a zero of its own")


def _add_results(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--anova", type=int, choices=(1, 2, 3), nargs="?", const=3, metavar="TYPE",
        help="also test every term of the fixed part: type 1, 2 or 3 (default: 3)",
    )  # fmt: skip
    group.add_argument(
        "--conf-int", choices=get_args(IntervalMethod), nargs="?", const="wald", metavar="METHOD",
        help="also intervals of all parameters: wald (default), profile or bootstrap",
    )  # fmt: skip
    group.add_argument(
        "--means", action="append", default=[], metavar="SPECS",
        help='also marginal means and their pairs, as "arm" or "arm | week"; may be repeated',
    )  # fmt: skip
    group.add_argument("--json", type=Path, metavar="OUT", help="also write the results as JSON")
    group.add_argument("--report", type=Path, metavar="OUT", help="also write a report as HTML")


def _add_reading(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--sep", type=_separator, metavar="SIGN", help="between columns: a character, tab or space"
    )
    group.add_argument("--decimal", choices=(".", ","), help="the sign before decimals")
    group.add_argument(
        "--na", action="append", metavar="CODE",
        help="a code of missing values, instead of the usual ones; may be repeated",
    )  # fmt: skip
    group.add_argument("--encoding", metavar="NAME", help="such as utf-8, utf-16, latin-1")
    group.add_argument(
        "--factor", action="append", default=[], metavar="COLUMN",
        help="a column whose cells name levels, whatever they look like; may be repeated",
    )  # fmt: skip


def _coding(text: str) -> tuple[str, str]:
    column, sign, coding = text.rpartition("=")
    if not sign or coding not in get_args(ContrastName):
        known = ", ".join(get_args(ContrastName))
        raise argparse.ArgumentTypeError(f"{text!r} is not COLUMN=CODING with one of {known}")
    return column, coding


def _separator(text: str) -> str:
    separator = SEPARATORS.get(text, text)
    if len(separator) != 1 or separator in "\r\n\"'":
        raise argparse.ArgumentTypeError(f"{text!r} is not one character, tab or space")
    return separator


def _fit(options: argparse.Namespace) -> str:
    check_outputs(options.data, {"--json": options.json, "--report": options.report})
    table = _table(options)
    for note in table.notes:
        sys.stderr.write(f"mixedmodels: note: {note}\n")
    model = _model(options, table)
    extras = Extras(
        ddf_of(model.fit, options.ddf), options.anova, options.conf_int, tuple(options.means)
    )
    output = shown(model, extras)
    if options.json is not None:
        write_json(options.json, results(model, extras, notes=table.notes))
    if options.report is not None:
        model.report(options.report, means=options.means, ddf=extras.ddf)
    return output


def _model(options: argparse.Namespace, table: Table) -> MixedModel:
    """The fit of the table; options of generalised models need a family."""
    shared: dict[str, Any] = {
        "weights": options.weights,
        "offset": options.offset,
        "contrasts": dict(options.contrasts) or None,
    }
    own = {name: getattr(options, name) for name in OF_FAMILIES}
    given = {name: value for name, value in own.items() if value is not None}
    if options.family is None:
        linear: MixedModel = lmm(options.formula, table.data, reml=not options.ml, **shared)
        return linear
    model: MixedModel = glmm(options.formula, table.data, family=options.family, **given, **shared)
    return model


def _check_family(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """Options that say nothing of the kind of model asked for are wrong usage."""
    if options.command != "fit":
        return
    given = [name for name in OF_FAMILIES if getattr(options, name) is not None]
    if options.family is None and given:
        parser.error(f"--{given[0]} is of generalised models: give --family too")
    if options.family is not None and options.ml:
        parser.error("--ml is of linear models: generalised ones are fitted by maximum likelihood")


def _table(options: argparse.Namespace) -> Table:
    reading = Reading(
        options.sep, options.decimal, options.encoding, options.na, tuple(options.factor)
    )
    named = (options.weights, options.offset, options.trials, options.exposure)
    formulas = (options.dispersion, options.zero, options.hurdle)
    extra = [*filter(None, named), *_columns_of(filter(None, formulas))]
    return read_table(options.data, parse(options.formula), extra=extra, reading=reading)


def _columns_of(formulas: Iterable[str]) -> list[str]:
    """Every name in the formulas of other parts that may be a column."""
    found = [reference for formula in formulas for reference in references(formula)]
    return [reference.name for reference in found if not reference.is_call]


def _list_datasets() -> str:
    known = [datasets.describe(name) for name in datasets.names()]
    names = max(len(one.name) for one in known)
    rows = max(len(str(one.rows)) for one in known)
    return "\n".join(
        f"{one.name:<{names}}  {one.rows:>{rows}} rows  "
        f"{', '.join(column.name for column in one.columns)}\n{'':{names}}  {one.reference}"
        for one in known
    )
