"""`check`: every check that applies to a model."""

from mixedmodels.diagnostics.checks.of_design import design_checks
from mixedmodels.diagnostics.checks.of_families import family_checks
from mixedmodels.diagnostics.checks.of_groups import group_checks
from mixedmodels.diagnostics.checks.of_residuals import residual_checks
from mixedmodels.diagnostics.checks.of_simulation import simulation_checks
from mixedmodels.diagnostics.checks.table import Checks
from mixedmodels.diagnostics.facts import facts
from mixedmodels.fit.fit import Fit
from mixedmodels.prediction.streams import Seed


def check(fit: Fit, *, seed: Seed = 0) -> Checks:
    """Check a fit: the search, the residuals, the random effects, influence, collinearity; of a
    generalised model also what its family says of dispersion, zeros and separation.

    A grade goes by the size of what was found, and sizes that chance gives are not held against
    the model. `seed` is that of the simulated responses; it is fixed, so that a check repeats.
    """
    found = facts(fit)
    rows = (
        *design_checks(fit),
        *(family_checks(fit, seed) if fit.generalised is not None else ()),
        *residual_checks(found),
        *group_checks(found),
        *simulation_checks(fit, seed),
    )
    return Checks(rows, fit.frame.table)
