"""A wheel that is built and installed as users get it, with everything that it must carry."""

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

import trcaugment
from trcaugment import read_trc
from trcaugment.marker_sets import ANATOMICAL_MARKERS

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
def test_an_installed_wheel_predicts_the_example(tmp_path):
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    subprocess.run([*pip, "wheel", "-q", "--no-deps", "-w", tmp_path, ROOT], check=True)
    (wheel,) = tmp_path.glob(f"trcaugment-{trcaugment.__version__}-*.whl")
    venv.create(tmp_path / "fresh", with_pip=False)
    scripts = tmp_path / "fresh" / ("Scripts" if os.name == "nt" else "bin")
    subprocess.run([*pip, "--python", scripts / "python", "install", "-q", "--no-deps", wheel], check=True)
    # The dependencies are those of the tests: installing torch anew would take minutes.
    paths = {"base": str(tmp_path / "fresh"), "platbase": str(tmp_path / "fresh")}
    site = Path(sysconfig.get_path("purelib", scheme="venv", vars=paths))
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    arguments = [
        "predict",
        ROOT / "examples" / "walk.trc",
        "--height",
        "1.584",
        "--mass",
        "58.32",
        "-o",
        "walk_aug.trc",
    ]
    subprocess.run([scripts / "trcaugment", *arguments], check=True, cwd=tmp_path, env=environment)
    assert read_trc(tmp_path / "walk_aug.trc").names == ANATOMICAL_MARKERS.names
    subprocess.run([scripts / "trcaugment", "report", "walk_aug.trc"], check=True, cwd=tmp_path, env=environment)
    assert "Segment lengths" in (tmp_path / "walk_aug_report.html").read_text(encoding="utf-8")
