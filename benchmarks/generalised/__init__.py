"""Generalised models beside other programs: `python -m benchmarks.generalised`."""
