"""How the documentation becomes a site: `sphinx-build -W docs OUT`, as .ci/run does; warnings are errors."""

from __future__ import annotations

from collections.abc import Iterator

import click
from sphinx.application import Sphinx

import trcaugment
from trcaugment.cli import main

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

highlight_language = "none"  # a block without a language is what a command prints

html_theme = "furo"
html_title = f"trcaugment {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sphinx = False
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#2b5fa8", "color-brand-content": "#2b5fa8"},
    "dark_css_variables": {"color-brand-primary": "#9db4d6", "color-brand-content": "#9db4d6"},
}


def helps(command: click.Command, context: click.Context) -> Iterator[str]:
    """The help of a command and of those below it, each a section."""
    yield f"## {context.command_path}\n\n```text\n{command.get_help(context)}\n```\n"
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from helps(below, click.Context(below, parent=context, info_name=name))


def write_helps(app: Sphinx, docname: str, source: list[str]) -> None:
    """Put what `--help` prints in place of {{ helps }}."""
    if docname == "reference/commands":
        names = main.context_settings["help_option_names"]
        context = click.Context(main, info_name="trcaugment", terminal_width=84, help_option_names=names)
        source[0] = source[0].replace("{{ helps }}", "\n".join(helps(main, context)))


def setup(app: Sphinx) -> None:
    """Connect what is made while the site is built."""
    app.connect("source-read", write_helps)
