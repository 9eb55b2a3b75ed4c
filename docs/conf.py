"""How the pages are built: ``sphinx-build -W --keep-going -n -b html docs docs/_build/html``."""

from pytest_chaos import __version__

project = "pytest-chaos"
copyright = "the pytest-chaos authors"
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build", "examples"]

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "none"
autodoc_class_signature = "mixed"
napoleon_use_ivar = True

# Docstrings name types and modules that have no page of their own; links between pages stay checked.
nitpick_ignore_regex = [(r"py:.*", r".*")]

html_theme = "furo"
html_title = f"pytest-chaos {release}"
