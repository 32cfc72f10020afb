"""`trcaugment export`: the graph in a file, or in the model's folder; and the example that runs it elsewhere."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from tiny_models import CARD, random_network

from trcaugment import Subject, augment, load_model, read_trc
from trcaugment.cli import main
from trcaugment.model.card import CARD_FILE, DEFAULT_MODEL, GRAPH_FILE, find_folder, read_card
from trcaugment.model.folder import save_model

EXAMPLES = Path(__file__).parents[1] / "examples"


def run(*arguments):
    return CliRunner().invoke(main, ["export", *map(str, arguments)])


@pytest.fixture
def folder(tmp_path):
    save_model(tmp_path / "tiny", CARD, random_network())
    return tmp_path / "tiny"


def test_the_graph_is_written_to_a_file_once(folder, tmp_path):
    target = tmp_path / "network.onnx"
    assert run(folder, "--onnx", target).output == f"{folder} -> {target}\n"
    assert target.read_bytes() == (folder / GRAPH_FILE).read_bytes()
    assert run(folder, "--onnx", target).exit_code == 2
    assert run(folder, "--onnx", target, "--overwrite").exit_code == 0
    assert run(folder, "--onnx", folder / GRAPH_FILE, "--overwrite").exit_code == 2


def test_a_folder_gets_its_graph(folder):
    graph, card = (folder / GRAPH_FILE).read_bytes(), json.loads((folder / CARD_FILE).read_text())
    (folder / GRAPH_FILE).unlink()
    (folder / CARD_FILE).write_text(json.dumps({name: card[name] for name in card if name != "graph_sha256"}))
    assert run(folder).exit_code == 0
    assert (folder / GRAPH_FILE).read_bytes() == graph
    assert read_card(folder).graph_sha256 == card["graph_sha256"]


def test_what_is_no_model_is_wrong_usage(tmp_path):
    result = run(tmp_path)
    assert result.exit_code == 2
    assert "expected a model folder" in result.output


def test_the_example_predicts_what_trcaugment_does_with_numpy_and_onnx_runtime_alone(tmp_path):
    code = """
import runpy, sys
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
assert not {"trcaugment", "torch", "scipy", "onnx"} & set(sys.modules)
"""
    graph = find_folder(DEFAULT_MODEL) / GRAPH_FILE
    given = [EXAMPLES / "run_onnx.py", graph, EXAMPLES / "walk.trc", "1.584", "58.32", tmp_path / "markers.csv"]
    done = subprocess.run([sys.executable, "-c", code, *given], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with (tmp_path / "markers.csv").open(encoding="utf-8") as file:
        names = file.readline().strip().split(",")
        found = np.loadtxt(file, delimiter=",").reshape(600, -1, 3)
    expected = augment(read_trc(EXAMPLES / "walk.trc"), Subject(1.584, 58.32), load_model()).markers
    assert names[::3] == [f"{name}_x" for name in expected.names]
    np.testing.assert_allclose(found, expected.positions, atol=1e-5)
