"""How the site is built: python -m sphinx -W --keep-going -j 2 docs docs/_build/html

Pages are Markdown; every ```python block is executed while the site is built, and a page that
fails, or warns, fails the build. writing.md says how a page is written.
"""

import os
import sys
from importlib.metadata import version as installed
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))

import cells  # noqa: E402 - it stands in the folder added above

project = "mixedmodels"
author = "The mixedmodels developers"
copyright = f"2026, {author}"
version = release = installed("mixedmodels")

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "sphinx_design",
    "sphinx_copybutton",
    "cells",
    "docstrings",
    "examples",
    "repository",
    "language_model_index",
]
templates_path = ["_templates"]
exclude_patterns = [
    "_build",
    "_ext",
    "_kernel",
    "_static",
    "_templates",
    "README.md",
    "**/.ipynb_checkpoints",
]
suppress_warnings = ["config.cache"]

# Pages. The reader turns ```python blocks into cells, so that they need no header of their own.
nb_custom_formats = {".md": "cells.read"}
nb_execution_mode = "cache"
nb_execution_excludepatterns = cells.pages_without(HERE)
nb_execution_raise_on_error = False  # a warning that shows the error: -W fails, after all pages
nb_execution_show_tb = True
nb_execution_in_temp = True
nb_execution_timeout = 300
nb_merge_streams = True
nb_output_stderr = (
    "warn"  # what a page warns of is a fault of the page, unless the cell says `show`
)
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 4
myst_links_external_new_tab = False

# The kernels that execute pages: their startup stands in _kernel.
os.environ["IPYTHONDIR"] = str(HERE / "_kernel")
os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["TQDM_DISABLE"] = "1"  # no bars on pages
os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"

# Reference: from docstrings in numpy's convention, with single backticks for code.
default_role = "code"
autodoc_typehints = "none"  # the docstring says what a parameter takes; the signature stays short
autodoc_member_order = "bysource"
autosummary_generate = True
numpydoc_show_class_members = False
numpydoc_xref_param_type = False
python_maximum_signature_line_length = 88
add_module_names = False
toc_object_entries_show_parents = "hide"
nitpicky = True
nitpick_ignore_regex = [("py:.*", r".*")]

# The look.
html_theme = "pydata_sphinx_theme"
html_title = "mixedmodels"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = True
html_copy_source = True
html_sourcelink_suffix = ".txt"
html_theme_options = {
    "show_prev_next": True,
    "navigation_with_keys": False,
    "header_links_before_dropdown": 7,
    "navbar_align": "left",
    "navbar_end": ["theme-switcher"],
    "show_toc_level": 2,
    "secondary_sidebar_items": ["page-toc", "sourcelink"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "pygments_light_style": "tango",
    "pygments_dark_style": "monokai",
}
html_sidebars = {name: [] for name in ("index", "gallery/index", "guides/index")}
html_baseurl = os.environ.get("SITE_URL", "")
copybutton_exclude = ".linenos, .gp, .go"
copybutton_prompt_text = ">>> "
