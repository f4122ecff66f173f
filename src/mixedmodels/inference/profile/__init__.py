"""Profile likelihood: the criterion as a function of one parameter, all others at their best."""

from mixedmodels.inference.profile.profile import Curve, Profile, profile, profile_intervals

__all__ = ["Curve", "Profile", "profile", "profile_intervals"]
