"""Fills the templates. Pages hold their styles and scripts, and their policy forbids the browser to load anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from trcaugment.conversion.sidecar import this_tool

if TYPE_CHECKING:
    from jinja2 import Environment


GENERATOR = '<meta name="generator" content="trcaugment">'  # by which a page of ours is known


def render(template: str, **values: object) -> bytes:
    """A page as a UTF-8 file.

    Args:
        template: name of a file in `pages/templates`.
        values: what it asks for; a name that is lacking is an error.
    """
    return (
        environment()
        .get_template(template)
        .render(tool=this_tool(), generator=GENERATOR, **values)
        .encode(errors="replace")
    )  # paths may not be Unicode


def as_script(value: object) -> str:
    """JSON that may stand in a script element: without `<`, no text can end the element."""
    text = msgspec.json.encode(value).decode()
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def environment() -> Environment:
    """The templates, in which a name that is lacking is an error and text cannot become markup."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("trcaugment.pages"),
        autoescape=lambda name: name is None or not name.endswith((".css", ".js")),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
