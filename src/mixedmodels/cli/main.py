"""Arguments, exit status and error text of the command `mixedmodels`.

Exit status: 0 for success, 1 for a problem with the data or the formula (one message on standard
error), 2 for wrong usage.
"""

import argparse
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from mixedmodels import datasets
from mixedmodels.api.models import lmm
from mixedmodels.cli.files import read_table, write_json
from mixedmodels.cli.results import results
from mixedmodels.errors import MixedModelsError, MixedModelsWarning
from mixedmodels.vocabulary import DegreesOfFreedom


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status.

    Parameters
    ----------
    arguments : sequence of str, optional
        Without the program's name; by default those of the process.
    """
    options = _parser().parse_args(arguments)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", MixedModelsWarning)  # the summary says the same
            output = _fit(options) if options.command == "fit" else _list_datasets()
    except MixedModelsError as error:
        sys.stderr.write(f"mixedmodels: {error}\n")
        return 1
    sys.stdout.write(f"{output}\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="mixedmodels", description="Linear mixed models.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    fit = commands.add_parser("fit", help="fit a model to a CSV or Parquet file")
    fit.add_argument("data", type=Path, metavar="DATA", help="a CSV or Parquet file")
    fit.add_argument("formula", metavar="FORMULA", help='such as "y ~ x + (1 | g)"')
    fit.add_argument("--ml", action="store_true", help="maximum likelihood instead of REML")
    fit.add_argument(
        "--ddf",
        choices=get_args(DegreesOfFreedom),
        default="satterthwaite",
        help="degrees of freedom of the tests of fixed effects (default: %(default)s)",
    )
    fit.add_argument("--json", type=Path, metavar="OUT", help="also write the results as JSON")
    fit.add_argument("--report", type=Path, metavar="OUT", help="also write a report as HTML")
    commands.add_parser("datasets", help="list the bundled data sets")
    return parser


def _fit(options: argparse.Namespace) -> str:
    model = lmm(options.formula, read_table(options.data), reml=not options.ml)
    if options.json is not None:
        write_json(options.json, results(model, ddf=options.ddf))
    if options.report is not None:
        model.report(options.report, ddf=options.ddf)
    return str(model.summary(options.ddf))


def _list_datasets() -> str:
    known = [datasets.describe(name) for name in datasets.names()]
    names = max(len(one.name) for one in known)
    rows = max(len(str(one.rows)) for one in known)
    return "\n".join(
        f"{one.name:<{names}}  {one.rows:>{rows}} rows  "
        f"{', '.join(column.name for column in one.columns)}\n{'':{names}}  {one.reference}"
        for one in known
    )
