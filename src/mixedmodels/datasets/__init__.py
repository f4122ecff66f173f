"""Classic data sets of the mixed-model literature, bundled as facts with their sources."""

from mixedmodels.datasets.catalogue import Column, Dataset, describe, names
from mixedmodels.datasets.load import load

__all__ = ["Column", "Dataset", "describe", "load", "names"]
