"""Models whose columns and levels have names that are hard to show."""

from collections.abc import Callable
from functools import cache

import numpy as np
import pandas as pd

import mixedmodels as mm

LONG = "response_of_the_participants_after_the_second_follow_up_visit_in_points"
ARMS = [
    "Placebo plus optimized background therapy",
    "Drug 5 mg once daily plus optimized background therapy",
    "Drug 5 mg twice daily plus optimized background therapy",
    "Drug 10 mg once daily plus optimized background therapy",
    "Standard of care without optimized background therapy",
]
THERAPISTS = [
    f"Therapist of the outpatient clinic at the university hospital, number {i:02}"
    for i in range(30)
]
STRANGE = [
    "$a$",
    "a_b^c",
    "100 %",
    "{x}\\frac",
    "two\nlines",
    "",
    " blank",
    "日本語",
    "中国語",
    "عربي",
    "שלום",
    "🦊😀",
    "`tick`",
    "$\\alpha",
    "_",
    "#1 & 2",
    "<b>",
    "\u202eevil",
]
DOLLAR = "cost_$_in_$"


def _frame(n: int, seed: int = 0) -> tuple[np.random.Generator, pd.DataFrame]:
    rng = np.random.default_rng(seed)
    return rng, pd.DataFrame({LONG: rng.normal(size=n)})


def trial() -> mm.LinearMixedModel:
    """Five long arms over weeks, 30 therapists with a common prefix."""
    rng, d = _frame(600)
    therapist = np.arange(600) % 30
    d["therapist_who_treated_the_patient_for_most_of_the_time_of_the_study"] = np.array(THERAPISTS)[
        therapist
    ]
    d["arm_to_which_the_patient_was_allocated_by_the_central_office"] = np.array(ARMS)[
        (np.arange(600) // 30) % 5
    ]
    d["weeks_since_the_randomisation_of_the_patient_to_one_of_the_arms"] = (
        rng.integers(0, 12, 600) * 1.0
    )
    d[LONG] += (
        0.3 * rng.normal(size=30)[therapist] + 0.1 * d.iloc[:, 3] * rng.normal(size=30)[therapist]
    )
    arm, week, who = d.columns[2], d.columns[3], d.columns[1]
    return mm.lmm(f"{LONG} ~ {arm} * {week} + ({week} | {who})", d)


def strange() -> mm.LinearMixedModel:
    """Names that mathtext, fonts, HTML or the direction of writing may stumble over."""
    rng, d = _frame(360, 1)
    d = d.rename(columns={LONG: "y_{$^2$} %"})
    d[DOLLAR] = rng.normal(size=360)
    d["Gruppe ä 日本 $x_1"] = np.array(STRANGE, dtype=object)[np.arange(360) % len(STRANGE)]
    d["f^_%"] = np.array(STRANGE[:8], dtype=object)[np.arange(360) // len(STRANGE) % 8]
    d["y_{$^2$} %"] += rng.normal(size=len(STRANGE))[np.arange(360) % len(STRANGE)]
    return mm.lmm(f"`y_{{$^2$}} %` ~ `{DOLLAR}` + `f^_%` + (`{DOLLAR}` | `Gruppe ä 日本 $x_1`)", d)


def crossed() -> mm.LinearMixedModel:
    return mm.lmm("diameter ~ 1 + (1 | plate) + (1 | sample)", mm.datasets.load("penicillin"))


def nested() -> mm.LinearMixedModel:
    rng, d = _frame(480, 2)
    d["school"] = [f"Gesamtschule an der langen Straße Nr. {i // 40}" for i in range(480)]
    d["class"] = [f"Klasse {i // 10} der Gesamtschule" for i in range(480)]
    d["time"] = np.arange(480) % 10 + 1990.0
    d["size"] = 3.0
    d[LONG] += rng.normal(size=12)[np.arange(480) // 40] + rng.normal(size=48)[np.arange(480) // 10]
    return mm.lmm(f"{LONG} ~ time + (1 | school / class)", d)


def eight_levels() -> mm.LinearMixedModel:
    rng, d = _frame(480, 3)
    d["dose"] = [f"dose level number {i % 8} of the eight that were given" for i in range(480)]
    d["sex"] = np.array(["female", "male"])[np.arange(480) // 8 % 2]
    d["time"] = rng.uniform(0, 1e-5, 480)
    d["w"] = rng.uniform(0.5, 2, 480)
    d["g"] = np.arange(480) // 16
    d[LONG] = 1e9 * (d[LONG] + rng.normal(size=30)[d["g"]])
    return mm.lmm(f"{LONG} ~ dose * sex + time + (1 | g)", d, weights="w")


def two_groups() -> mm.LinearMixedModel:
    rng, d = _frame(80, 4)
    d["g"] = np.arange(80) % 2
    d["x"] = rng.normal(size=80) + 2451545.0
    return mm.lmm(f"{LONG} ~ x + (1 | g)", d)


def many_groups() -> mm.LinearMixedModel:
    rng, d = _frame(3000, 5)
    d["subject_who_took_part_in_the_study"] = [
        f"subject {i // 3:05} of the multi-centre study" for i in range(3000)
    ]
    d["x"] = rng.normal(size=3000)
    d[LONG] += rng.normal(size=1000)[np.arange(3000) // 3]
    return mm.lmm(f"{LONG} ~ x + (x | subject_who_took_part_in_the_study)", d)


def singular() -> mm.LinearMixedModel:
    rng, d = _frame(60, 6)
    d["g"], d["x"] = np.arange(60) // 6, rng.normal(size=60)
    d["f"] = np.array(["a", "b", "c"])[np.arange(60) % 3]
    return mm.lmm(f"{LONG} ~ x * f + (x | g)", d)


def small() -> mm.LinearMixedModel:
    """Few parameters with names that need room, for what is fitted again and again."""
    rng, d = _frame(120, 7)
    d["arm_of_the_trial"] = np.array(ARMS)[np.arange(120) % 5]
    d["therapist_$_"] = np.array(THERAPISTS)[np.arange(120) // 5 % 24]
    d[LONG] += rng.normal(size=24)[np.arange(120) // 5]
    return mm.lmm(f"{LONG} ~ arm_of_the_trial + (1 | `therapist_$_`)", d, reml=False)


def cake() -> mm.LinearMixedModel:
    return mm.lmm("angle ~ recipe * temp + (1 | recipe:replicate)", mm.datasets.load("cake"))


def sleep() -> mm.LinearMixedModel:
    return mm.lmm("Reaction ~ Days + (Days | Subject)", mm.datasets.load("sleepstudy"))


MODELS: dict[str, Callable[[], mm.LinearMixedModel]] = {
    f.__name__: cache(f)
    for f in (
        trial,
        strange,
        crossed,
        nested,
        eight_levels,
        two_groups,
        many_groups,
        singular,
        small,
        cake,
        sleep,
    )
}
