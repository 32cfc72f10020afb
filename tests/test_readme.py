"""The README's Python runs as it stands."""

import re
import shutil
from pathlib import Path

from trcaugment import read_trc
from trcaugment.marker_sets import ANATOMICAL_MARKERS

ROOT = Path(__file__).parents[1]


def test_the_python_of_the_readme_runs_as_it_stands(tmp_path, monkeypatch, capsys):
    blocks = re.findall(
        r"^```python\n(.*?)^```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    assert blocks
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    for block in blocks:
        exec(compile(block, "README.md", "exec"), {})
    written = read_trc("walk_aug.trc")
    assert (written.names, len(written.time_s)) == (ANATOMICAL_MARKERS.names, 600)
    assert capsys.readouterr().out.strip()
