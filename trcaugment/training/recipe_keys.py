"""What a misspelt or misplaced key of a recipe was likely meant to be."""

from __future__ import annotations

import re
from difflib import get_close_matches

import msgspec

_UNKNOWN = re.compile(r"unknown field `(?P<key>.*?)`(?: - at `\$\.?(?P<table>\w*).*`)?$")


def explain_unknown_key(error: msgspec.ValidationError, recipe: type[msgspec.Struct]) -> str | None:
    """A sentence on an unknown key: where it stands, and the nearest known key or the table that has it.

    Args:
        error: from `msgspec.convert`.
        recipe: the type of the recipe.

    Returns:
        The sentence; None if the error is another one.
    """
    found = _UNKNOWN.search(str(error))
    if found is None:
        return None
    key, table = found["key"], found["table"] or ""
    keys = _keys(recipe)
    place = f"[{table}]" if table else "the top of the file"
    near = get_close_matches(key, keys.get(table, ()), n=1)
    others = [f"[{name}]" if name else "the top of the file" for name, known in keys.items() if key in known]
    if near:
        meant = f"did you mean {near[0]}?"
    elif others:
        meant = f"{key} belongs to {' or '.join(others)}."
    else:
        meant = f"known are {', '.join(keys.get(table, ()))}."
    return f"unknown key {key} in {place}; {meant}"


def _keys(recipe: type[msgspec.Struct]) -> dict[str, list[str]]:
    """Keys by table; those at the top have the table ""."""
    top = msgspec.inspect.type_info(recipe)
    assert isinstance(top, msgspec.inspect.StructType)
    keys = {"": [field.name for field in top.fields]}
    for field in top.fields:
        kind = field.type
        if isinstance(kind, msgspec.inspect.VarTupleType):
            kind = kind.item_type
        if isinstance(kind, msgspec.inspect.StructType):
            keys[field.name] = [each.name for each in kind.fields]
    return keys
