"""Planning studies: designs, effect sizes, power."""

from mixedmodels.planning.design import design, resized
from mixedmodels.planning.layout import Design
from mixedmodels.planning.plan import Plan, plan

__all__ = ["Design", "Plan", "design", "plan", "resized"]
