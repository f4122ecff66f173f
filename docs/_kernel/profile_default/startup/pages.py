"""What the kernel of every page starts with, for pages that show results and nothing else."""

import warnings

import matplotlib as mpl
import pandas as pd
from IPython import get_ipython
from matplotlib.axes import Axes
from matplotlib.figure import Figure

mpl.rcParams["figure.dpi"] = 100
mpl.rcParams["savefig.bbox"] = "tight"
pd.set_option("display.width", 88)
pd.set_option("display.precision", 4)
pd.set_option("display.max_rows", 20)
# Without the path of a temporary file, which no reader has.
warnings.formatwarning = lambda message, category, *place: f"{category.__name__}: {message}\n"


def show(value: object) -> None:
    """The value of a last line; pictures are shown once, by matplotlib, and without their name."""
    if not isinstance(value, Axes | Figure):
        get_ipython().displayhook(value)


get_ipython().display_trap.hook = show
