"""One file per program, all of one shape.

A Python peer is a module with `DISTRIBUTION` (its name on PyPI), `refuses(case) -> str | None` (why
the program cannot fit this model, or None) and `fit(case, frame) -> Outcome` (one whole call,
formula and frame to fitted model). A module may also have `search(case, frame)`, which returns a
function that does the search alone, to be timed by itself. `lme4` runs in R and has a script of the
same shape.
"""
