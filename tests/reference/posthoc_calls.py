"""Calls of R's emmeans package, in the names of this package.

`translate` turns the text of a call into `Step`s: methods with their arguments, the first of the
model, each next of the result before. Every argument of R's must be known here: what is not is
`NotRead`, so that no stored result can be compared with something else than was asked.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import mixedmodels as mm
from tests.reference.r_language import Call, Name, Node, NotRead, Value, parse

DDF = {"satterthwaite": "satterthwaite", "kenward-roger": "kenward-roger", "asymptotic": "normal"}

SIDES = {
    "<": "less",
    ">": "greater",
    "equivalence": "equivalence",
    "noninferiority": "noninferiority",
    "nonsuperiority": "nonsuperiority",
}

FAMILIES = {
    # what emmeans adjusts by when it is not told
    "pairwise": "tukey",
    "revpairwise": "tukey",
    "trt.vs.ctrl": "dunnettx",
    "trt.vs.ctrl1": "dunnettx",
    "trt.vs.ctrlk": "dunnettx",
    "eff": "fdr",
    "del.eff": "fdr",
    "consec": "mvt",
    "mean_chg": "mvt",
    "poly": "none",
}


@dataclass(frozen=True, slots=True)
class OfModel:
    """A number of the fitted model, known when there is one."""

    name: str
    of: Callable[[mm.LinearMixedModel], float] = field(compare=False)


SIGMA = OfModel("sigma", lambda model: float(model.sigma))
TOTAL_SD = OfModel("total sd", lambda model: _total_sd(model))

KNOWN = {
    parse("sigma(fit)"): SIGMA,
    parse("sqrt(sum(as.data.frame(VarCorr(fit))$vcov))"): TOTAL_SD,
}


@dataclass(frozen=True, slots=True)
class Step:
    """One call of a method by keyword; the first argument of ours may go by position."""

    method: str
    positional: tuple[Any, ...] = ()
    keywords: Mapping[str, Any] = field(default_factory=dict)


def translate(text: str, ddf: str) -> tuple[Step, ...]:
    """The steps of one stored call, whose df are by R's method `ddf`."""
    first, *rest = _steps(parse(text))
    return (Step(first.method, first.positional, {**first.keywords, "ddf": DDF[ddf]}), *rest)


def run(steps: tuple[Step, ...], model: mm.LinearMixedModel) -> Any:
    """The table at the end of the steps."""
    result: Any = model
    for step in steps:
        positional = [_filled(value, model) for value in step.positional]
        keywords = {name: _filled(value, model) for name, value in step.keywords.items()}
        result = getattr(result, step.method)(*positional, **keywords)
    return result.table() if hasattr(result, "table") else result


def adjustment(steps: tuple[Step, ...]) -> str:
    """The adjustment of the p-values and limits at the end, in our word."""
    adjust = "none"
    for step in steps:
        match step.method:
            case "pairs":
                adjust = "tukey"
            case "contrast":
                method = step.positional[0] if step.positional else None
                adjust = FAMILIES[method] if isinstance(method, str) else "none"
            case "test" if step.keywords.get("joint"):
                adjust = "none"
            case "effect_size":
                adjust = "none"
        adjust = step.keywords.get("adjust", adjust)
    return adjust


def _steps(node: Node) -> tuple[Step, ...]:
    if not isinstance(node, Call) or node.function not in FUNCTIONS:
        raise NotRead(f"no function that makes means or tests: {node}")
    given = _Given(node)
    steps = FUNCTIONS[node.function](given)
    given.finish()
    return steps


class _Given:
    """The arguments of one call, taken out one by one."""

    def __init__(self, call: Call) -> None:
        self.call = call
        self.unnamed = [value for name, value in call.arguments if name is None]
        self.named = {name: value for name, value in call.arguments if name is not None}

    def next(self) -> Node:
        if not self.unnamed:
            raise NotRead(f"an argument is missing in {self.call}")
        return self.unnamed.pop(0)

    def fit(self) -> None:
        if self.next() != Name("fit"):
            raise NotRead(f"not of the fit: {self.call}")

    def rename(self, **names: str) -> dict[str, Any]:
        """The named arguments of these names of R's (dots as underscores) under ours, if given."""
        found = {}
        for theirs, ours in names.items():
            dotted = theirs.replace("_", ".")
            if dotted in self.named:
                value = _value(self.named.pop(dotted))
                found[ours] = "by" if value == "BY" else value
        return found

    def finish(self) -> None:
        if self.unnamed or self.named:
            raise NotRead(f"{self.unnamed or list(self.named)} is not known in {self.call}")


def _emmeans(given: _Given) -> tuple[Step, ...]:
    given.fit()
    specs = _specs(given.next())
    options = given.rename(
        by="by", at="at", cov_reduce="cov_reduce", weights="weights", nuisance="nuisance"
    )
    if isinstance(options.get("nuisance"), str):
        options["nuisance"] = [options["nuisance"]]
    # our means read a transform from the formula, with its constant
    if given.named.pop("tran", None) not in (None, parse("make.tran('genlog', 1)")):
        raise NotRead(f"another transform than log(y + 1): {given.call}")
    return (Step("emmeans", (specs,), options), *_response(given))


def _emtrends(given: _Given) -> tuple[Step, ...]:
    given.fit()
    specs = _specs(given.next())
    options = given.rename(by="by", var="var", at="at", max_degree="max_degree")
    return (Step("emtrends", (specs,), options),)


def _joint_tests(given: _Given) -> tuple[Step, ...]:
    given.fit()
    return (Step("joint_tests", (), given.rename(by="by", cov_reduce="cov_reduce")),)


def _contrast(given: _Given) -> tuple[Step, ...]:
    before = _steps(given.next())
    options = given.rename(interaction="interaction", max_degree="max_degree", **ADJUST)
    method = (_value(given.next()),) if given.unnamed else ()
    return (*before, Step("contrast", method, options))


def _pairs(given: _Given) -> tuple[Step, ...]:
    return (*_steps(given.next()), Step("pairs", (), given.rename(**ADJUST)))


def _test(given: _Given) -> tuple[Step, ...]:
    before = _steps(given.next())
    options = given.rename(null="null", delta="delta", side="side", joint="joint", adjust="adjust")
    if "side" in options:
        options["side"] = SIDES[options["side"]]
    return (*before, Step("test", (), options))


def _confint(given: _Given) -> tuple[Step, ...]:
    before = _steps(given.next())
    return (*before, Step("conf_int", (), given.rename(level="level", adjust="adjust")))


def _cld(given: _Given) -> tuple[Step, ...]:
    before = _steps(given.next())
    if given.named.pop("Letters") != Name("letters"):
        raise NotRead(f"other letters than letters: {given.call}")
    return (*before, Step("letters", (), given.rename(alpha="alpha", adjust="adjust")))


def _effect_size(given: _Given) -> tuple[Step, ...]:
    before = _steps(given.next())
    return (*before, Step("effect_size", (), given.rename(sigma="sigma", edf="edf")))


def _regrid(given: _Given) -> tuple[Step, ...]:
    return (*_steps(given.next()), Step("regrid"))


def _summary(given: _Given) -> tuple[Step, ...]:
    return (*_steps(given.next()), *_response(given))


FUNCTIONS: dict[str, Callable[[_Given], tuple[Step, ...]]] = {
    "emmeans": _emmeans,
    "emtrends": _emtrends,
    "joint_tests": _joint_tests,
    "contrast": _contrast,
    "pairs": _pairs,
    "test": _test,
    "confint": _confint,
    "cld": _cld,
    "eff_size": _effect_size,
    "regrid": _regrid,
    "summary": _summary,
}

ADJUST = {"by": "by", "adjust": "adjust", "cross_adjust": "cross_adjust"}


def _response(given: _Given) -> tuple[Step, ...]:
    """The step back to the scale of the response, if ``type='response'`` asks for it."""
    wanted = given.named.pop("type", None)
    if wanted is None:
        return ()
    if wanted != Value("response"):
        raise NotRead(f"another type than 'response': {given.call}")
    return (Step("response", (), given.rename(bias_adjust="bias_adjust", sigma="sigma")),)


def _specs(node: Node) -> str:
    if not isinstance(node, Call) or node.function != "~" or len(node.arguments) != 1:
        raise NotRead(f"no formula of one side: {node}")
    return _written(node.arguments[0][1])


def _written(node: Node) -> str:
    match node:
        case Name(text):
            return text
        case Value(int() | float() as number):
            return f"{number:g}"
        case Call("|" | "*" | "+" as sign, ((None, left), (None, right))):
            return f"{_written(left)} {sign} {_written(right)}"
    raise NotRead(f"not in a formula of means: {node}")


def _value(node: Node) -> Any:
    if node in KNOWN:
        return KNOWN[node]
    match node:
        case Value(value):
            return value
        case Name("range"):
            return "range"
        case Call("c", arguments) if all(name is None for name, _ in arguments):
            return [_value(value) for _, value in arguments]
        case Call("list", arguments) if all(name is not None for name, _ in arguments):
            return {name: _value(value) for name, value in arguments}
        case Call("-", ((None, inside),)):
            return -_value(inside)
        case Call("/", ((None, above), (None, below))):
            return (np.asarray(_value(above)) / _value(below)).tolist()
    raise NotRead(f"no value: {node}")


def _filled(value: Any, model: mm.LinearMixedModel) -> Any:
    return value.of(model) if isinstance(value, OfModel) else value


def _total_sd(model: mm.LinearMixedModel) -> float:
    """As the stored call has it: the root of the sum of all variances and covariances."""
    return float(np.sqrt(model.variance_components["vcov"].sum()))
