"""`FitPlan`: what a fit would cost, as an object that prints."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mixedmodels.data import Frame
from mixedmodels.engine.plan import Cost, Route
from mixedmodels.report import html, text
from mixedmodels.report.document import Document, Section

ROUGH = "Seconds are rough: an order of magnitude, on this machine's cores."

BOUND = "Sizes with ≤ are upper bounds: no elimination was planned for so many rows."


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class FitPlan:
    """What a fit would cost, before it.

    Attributes
    ----------
    formula : str
        The model.
    n : int
        Rows that the fit would use.
    n_missing : int
        Rows that it would drop, because a value is missing.
    n_fixed : int
        Columns of the fixed part, of full rank.
    levels : dict
        Levels of every grouping factor.
    columns : dict
        Random columns of every grouping factor.
    n_theta : int
        Covariance parameters of the random terms.
    nonzeros, nonzeros_factor : float
        Of Z'WZ (lower triangle) and of its Cholesky factor.
    remainder : int
        Rows of the largest dense block: of crossed factors, what is left when the largest is
        eliminated. Memory grows with its square, and time with its cube.
    flops : float
        Multiplications of one exact evaluation with its gradient.
    is_bound : bool
        Whether these sizes are upper bounds.
    costs : dict
        Per method (``"exact"``, ``"iterative"``): bytes of building and of the fit at its peak,
        beyond `data_bytes`, and seconds, of which only the order of magnitude is meant.
    data_bytes : int
        Bytes of the model matrices, which are in memory whatever the method.
    available : int
        Bytes that the fit may take: the least of what the machine, the container, ``ulimit -v``
        and ``Control(memory_limit=...)`` leave.
    method : {"exact", "iterative"} or None
        The method asked for, or what ``method="auto"`` would take; None where none fits in memory.
    reason : str
        Why.
    """

    formula: str
    n: int
    n_missing: int
    n_fixed: int
    levels: Mapping[str, int]
    columns: Mapping[str, int]
    n_theta: int
    nonzeros: float
    nonzeros_factor: float
    remainder: int
    flops: float
    is_bound: bool
    costs: Mapping[Route, Cost]
    data_bytes: int
    available: int
    method: Route | None
    reason: str
    frame: Frame

    def table(self) -> Any:
        """One row per method: `method`, `chosen`, `fits`, `building_bytes`, `memory_bytes`,
        `seconds`, in the caller's own frame library.
        """
        costs = self.costs.items()
        return self.frame.table(
            {
                "method": [name for name, _ in costs],
                "chosen": [name == self.method for name, _ in costs],
                "fits": [cost.memory <= self.available for _, cost in costs],
                "building_bytes": [cost.building for _, cost in costs],
                "memory_bytes": [cost.memory for _, cost in costs],
                "seconds": [cost.seconds for _, cost in costs],
            }
        )

    def __repr__(self) -> str:
        return text.render(_document(self))

    def _repr_html_(self) -> str:
        return html.render(_document(self))


def _document(plan: FitPlan) -> Document:
    most = "≤ " if plan.is_bound else ""
    dropped = f", {plan.n_missing:,} dropped with missing values" if plan.n_missing else ""
    facts = [
        ("Rows", f"{plan.n:,}{dropped}"),
        ("Fixed columns", f"{plan.n_fixed:,}"),
        ("theta", f"{plan.n_theta:,} parameters"),
        ("Nonzeros", f"{most}{plan.nonzeros:.3g} in Z'Z, {most}{plan.nonzeros_factor:.3g} in L"),
        ("Dense remainder", f"{most}{plan.remainder:,} rows"),
        ("Evaluation", f"{most}{plan.flops:.2g} multiplications, gradient included"),
        ("Data", size(plan.data_bytes)),
        ("Memory left", size(plan.available)),
        ("Method", f"{plan.method or 'none'}: {plan.reason}"),
    ]
    notes = [ROUGH, *([BOUND] if plan.is_bound else [])]
    return Document(f"Plan of {plan.formula}", tuple(facts), _sections(plan), tuple(notes))


def _sections(plan: FitPlan) -> tuple[Section, ...]:
    groups = tuple(
        (name, f"{count:,}", f"{plan.columns[name]:,}") for name, count in plan.levels.items()
    )
    costs = tuple(
        (name, size(cost.building), size(cost.memory), duration(cost.seconds))
        for name, cost in plan.costs.items()
    )
    header = ("method", "building", "memory", "time")
    methods = Section("Methods", header, costs, n_text=1)
    if not groups:
        return (methods,)
    return Section("Grouping factors", ("group", "levels", "columns"), groups, n_text=1), methods


def size(count: float) -> str:
    """Bytes in the unit that fits: ``1.5 GB``, of 10^9 bytes."""
    for unit, base in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if count >= base:
            return f"{count / base:.3g} {unit}"
    return f"{count / 1e3:.3g} kB"


def duration(seconds: float) -> str:
    """Seconds as one rough number: ``about 3 min``."""
    if seconds < 1:
        return "below 1 s"
    for unit, base in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * base:
            return f"about {float(f'{seconds / base:.1g}'):g} {unit}"
    return f"about {float(f'{seconds:.1g}'):g} s"
