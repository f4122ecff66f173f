"""Tests, intervals and their degrees of freedom: functions of a fit."""
