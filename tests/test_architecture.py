"""Imports point one way, heavy packages stay at the edges, and the public names are what they are said to be."""

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import trcaugment

PACKAGE = Path(trcaugment.__file__).parent
# Every module or folder of the package, lowest first: each may import from those before it.
ORDER = (
    *("errors", "subject", "markers", "marker_sets", "formats", "model", "sessions", "body", "chain", "live", "osim"),
    *("datasets", "evaluation", "training", "figures", "conversion", "pages", "cli", "__main__"),
)
WITH_OPENSIM = {"osim/build.py", "osim/package.py"}
ALLOWED_IN_BODY = {"body", "markers", "marker_sets", "errors", "formats"}
SOURCES = [path for path in sorted(PACKAGE.rglob("*.py")) if path != PACKAGE / "__init__.py"]


def imports(path):
    """Full names of all modules that a file imports anywhere, inside functions too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            yield f"{node.module}.{node.names[0].name}" if node.module == "trcaugment" else node.module


def part(path):
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_imports_point_one_way_and_heavy_packages_stay_at_the_edges(path):
    here = part(path)
    assert here in ORDER, f"{here} is new: give it its place in ORDER"
    for name in imports(path):
        top, _, rest = name.partition(".")
        if top == "trcaugment" and rest != "__version__":
            there = rest.split(".")[0]
            assert there == here or ORDER.index(there) < ORDER.index(here), f"{here} must not import {there}"
            assert here != "body" or there in ALLOWED_IN_BODY, f"body must not import {there}"
        assert top not in ("click", "rich") or here == "cli", f"{top} belongs into cli"
        assert top != "opensim" or path.relative_to(PACKAGE).as_posix() in WITH_OPENSIM, "opensim stays at the edges"


@pytest.mark.parametrize(
    "code",
    [
        "import trcaugment",
        "import trcaugment; trcaugment.read_trc, trcaugment.Subject, trcaugment.Markers",
        "from trcaugment.cli import main; main(['--help'], standalone_mode=False)",
        "import trcaugment.conversion.plan, trcaugment.cli.batch_tables",
        "import trcaugment.conversion.angles, trcaugment.cli.osim_ik, trcaugment.cli.osim_tables",
    ],
    ids=["import", "reading", "help", "dry run of a batch", "joint angles"],
)
def test_the_package_and_its_help_load_neither_torch_nor_opensim(code):
    report = "import sys; sys.exit(' '.join({'torch', 'opensim', 'lightning'} & set(sys.modules)) or 0)"
    done = subprocess.run([sys.executable, "-c", f"{code}\n{report}"], check=False, capture_output=True, text=True)
    assert done.returncode == 0, f"loaded {done.stderr}"


def test_public_names_resolve_and_no_others():
    assert sorted(trcaugment.__all__) == sorted([*trcaugment._MODULES, "__version__"])
    for name, module in trcaugment._MODULES.items():
        assert getattr(trcaugment, name) is getattr(import_module(f"trcaugment.{module}"), name)
        assert getattr(trcaugment, name).__doc__
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = trcaugment.nonsense


@pytest.mark.parametrize("path", sorted(Path(__file__).parent.glob("*.py")), ids=lambda path: path.name)
def test_no_test_imports_the_module_of_another(path):
    assert not [name for name in imports(path) if name.startswith("test_")]
