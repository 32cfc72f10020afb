"""Misspelt and misplaced keys of recipes."""

from __future__ import annotations

from pathlib import Path

import pytest

from trcaugment.errors import RecipeError
from trcaugment.training.recipe import read_recipe


@pytest.mark.parametrize(("text", "message"), [
    ("nmae = 'x'", r"unknown key nmae in the top of the file; did you mean name\?"),
    ("[optimization]\nepohcs = 3", r"unknown key epohcs in \[optimization\]; did you mean epochs\?"),
    ("[[datasets]]\npath = 'a'\nwieght = 1", r"unknown key wieght in \[datasets\]; did you mean weight\?"),
    ("epochs = 3", r"unknown key epochs in the top of the file; epochs belongs to \[optimization\]\."),
    ("[loss]\nseed = 3", r"unknown key seed in \[loss\]; seed belongs to the top of the file\."),
    ("[motions]\nzzz = 3", r"unknown key zzz in \[motions\]; known are folders, procedural\."),
    ("seed = 'one'", r"not a recipe \(Expected `int`, got `str`"),
])  # fmt: skip
def test_an_unknown_key_names_the_likely_one(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(f"name = 'x'\n{text}\n" if not text.startswith("nmae") else text)
    with pytest.raises(RecipeError, match=message):
        read_recipe(path)
