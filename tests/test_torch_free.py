"""Commands load what they need: torch alone takes two seconds on every call."""

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
    "predict": "run('predict', 'study/walk.trc', '--height', '1.584', '--mass', '58.32', '-o', 'walk_aug.trc')",
    "batch": "run('batch', 'study', '-o', 'out')",
    "another rate and a gap": "augment(faster(read_trc('study/walk.trc')), Subject(1.584, 58.32), load_model())",
    "models": "run('models')",
    "osim compare": "run('osim', 'compare', 'a.mot', 'b.mot')",
    "view": "run('view', 'study/walk.trc')",
    "osim check": "import trcaugment.osim.check",
    "batch --dry-run": "run('batch', 'study', '-o', 'planned', '--dry-run')",
    "load_model and augment": "augment(read_trc('study/walk.trc'), Subject(1.584, 58.32), load_model())",
    "--help": "show_help(main, [])",
}
# Packages that predicting loads, with those of the shell that runs the command.
NEEDED = {"trcaugment", "numpy", "onnxruntime", "click", "msgspec", "safetensors", "typing_extensions"}
SCRIPT = """
import json, sys
import click
from click.testing import CliRunner
import trcaugment
from trcaugment import Subject, augment, load_model, read_trc, write_trc
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

def faster(trial):
    positions = trial.positions.copy()
    positions[50:55, 2] = float("nan")
    return trcaugment.Markers(trial.names, positions, trial.time_s / 2)

loaded = {}
for name, code in json.loads(sys.argv[1]).items():
    exec(code)
    packages = {module.partition(".")[0] for module in sys.modules} - set(sys.stdlib_module_names)
    loaded[name] = sorted(package for package in packages if not package.startswith("_"))
print(json.dumps(loaded))
"""


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    """Of each step, the packages that were loaded after it, without those of a Python that does nothing."""
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
    assert not {"torch", "lightning"} & set(loaded[step])


def test_prediction_loads_few_packages(loaded):
    assert set(loaded["predict"]) <= NEEDED


@pytest.mark.parametrize("step", ["batch", "another rate and a gap"])
def test_prediction_without_angles_and_pages_loads_no_scipy(loaded, step):
    assert "scipy" not in loaded[step]


def test_cards_are_read_without_onnx_runtime(loaded):
    assert "onnxruntime" not in loaded["cards"]
