"""What needs no torch loads no torch: two seconds on every call of a small command."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"

MOTION = "walk\nversion=1\nnRows=3\nnColumns=2\ninDegrees=yes\nendheader\ntime\tknee_angle_r\n0\t1\n0.1\t2\n0.2\t4\n"
# Name and Python of everything that is tried, one after the other in one process.
STEPS = {
    "read_trc and write_trc": "write_trc('out.trc', read_trc('study/walk.trc'))",
    "guards": "import trcaugment.chain.checks.postures, trcaugment.chain.checks.refusals",
    "cards": "assert trcaugment.list_models()",
    "models": "run('models')",
    "osim compare": "run('osim', 'compare', 'a.mot', 'b.mot')",
    "view": "run('view', 'study/walk.trc')",
    "osim check": "import trcaugment.osim.check",
    "batch --dry-run": "run('batch', 'study', '-o', 'out', '--dry-run')",
    "--help": "show_help(main, [])",
}
SCRIPT = """
import json, sys
import click
from click.testing import CliRunner
import trcaugment
from trcaugment import read_trc, write_trc
from trcaugment.cli import main

def run(*arguments):
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output

def show_help(command, names):
    run(*names, "--help")
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            show_help(command.get_command(context, name), [*names, name])

loaded = {}
for name, code in json.loads(sys.argv[1]).items():
    exec(code)
    loaded[name] = sorted({"torch", "lightning"} & set(sys.modules))
print(json.dumps(loaded))
"""


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    """Of each step, which heavy packages were loaded after it."""
    folder = tmp_path_factory.mktemp("steps")
    (folder / "study").mkdir()
    shutil.copy(EXAMPLES / "walk.trc", folder / "study")
    (folder / "study" / "subjects.csv").write_text(
        "path,subject,height_m,mass_kg\nwalk.trc,anna,1.584,58.32\n", encoding="utf-8"
    )
    for name in ("a.mot", "b.mot"):
        (folder / name).write_text(MOTION, encoding="utf-8")
    arguments = [sys.executable, "-c", SCRIPT, json.dumps(STEPS)]
    done = subprocess.run(arguments, check=False, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("step", STEPS)
def test_what_needs_no_torch_loads_none(loaded, step):
    assert loaded[step] == []
