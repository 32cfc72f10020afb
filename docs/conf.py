"""How the documentation becomes a site: `sphinx-build -W docs OUT`, as .ci/run does; warnings are errors."""

from __future__ import annotations

import trcaugment

project = "trcaugment"
author = "The trcaugment authors"
project_copyright = "the trcaugment authors, Apache-2.0"
version = release = trcaugment.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton", "sphinx_design"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["numbers"]
nitpicky = False

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 4

autodoc_typehints = "signature"
autodoc_member_order = "bysource"
# Prompts and the lines that a command prints are not what a reader wants to copy.
copybutton_prompt_text = r"\$ |>>> |\.\.\. "
copybutton_prompt_is_regexp = True

html_theme = "furo"
html_title = f"trcaugment {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sphinx = False
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#2b5fa8", "color-brand-content": "#2b5fa8"},
    "dark_css_variables": {"color-brand-primary": "#9db4d6", "color-brand-content": "#9db4d6"},
}
