"""The bootstrap: what estimates would be in other samples, drawn from the model or the data."""

from mixedmodels.inference.bootstrap.bootstrap import Bootstrap, bootstrap
from mixedmodels.inference.bootstrap.comparison import BootstrapTest, bootstrap_compare

__all__ = ["Bootstrap", "BootstrapTest", "bootstrap", "bootstrap_compare"]
