"""The ONNX graph computes what the network in torch does, for every architecture, and belongs to its card."""

import hashlib
import json
import subprocess
import sys
from itertools import product

import msgspec
import numpy as np
import pytest
from tiny_models import CARD, random_network

from trcaugment.errors import ModelError
from trcaugment.model.card import CARD_FILE, GRAPH_FILE, WEIGHTS_FILE, NetworkSizes, list_models, read_card
from trcaugment.model.engines import OnnxEngine
from trcaugment.model.folder import Model, add_graph, load_model, save_model
from trcaugment.model.graph import ATTENTION, LOG_SPREAD, MARKERS, make_graph
from trcaugment.model.torch_engine import TorchEngine, load_network, weights_of

TALLEST_M, ALLOWED_M = 2.1, 1e-5
SIZES = [
    NetworkSizes(hidden=6, n_layers=n, bidirectional=both, spatial_attention=spatial, temporal_attention=temporal)
    for n, both, spatial, temporal in product((1, 3), (True, False), (True, False), ("none", "frames", "self"))
] + [NetworkSizes(hidden=5, linear_path=False, spread=True), NetworkSizes(hidden=8, temporal_attention="self")]


def windows(n=3, n_frames=30, seed=1):
    """Features of the size that people have."""
    random = np.random.default_rng(seed)
    features = random.normal(0, 0.4, (n, n_frames, 47)).astype(np.float32)
    features[..., 45], features[..., 46] = 1.7, 70
    return features


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_the_graph_of_every_architecture_computes_what_torch_does(sizes):
    network, card = random_network(sizes), msgspec.structs.replace(CARD, sizes=sizes)
    onnx, in_torch = OnnxEngine(make_graph(card, weights_of(network)), card), TorchEngine(network, "cpu")
    names = (MARKERS, ATTENTION, *([LOG_SPREAD] if sizes.spread else []))
    for n_frames in (30, 7):
        features = windows(n_frames=n_frames)
        for name in names:
            ours, theirs = onnx.run(features, name), in_torch.run(features, name)
            np.testing.assert_allclose(ours, theirs, rtol=2e-6, atol=2e-6, err_msg=name)


@pytest.mark.parametrize("name", [card.name for card in list_models()])
def test_every_shipped_graph_predicts_what_torch_does(name):
    model = load_model(name)
    assert model.card.graph_sha256
    in_torch = Model(model.card, TorchEngine(load_network(name), "cpu"))
    features = windows(10)[..., -(3 * len(model.card.inputs) + 2) :]
    assert np.abs(model.predict(features) - in_torch.predict(features)).max() * TALLEST_M < ALLOWED_M
    np.testing.assert_allclose(model.attention(features), in_torch.attention(features), atol=1e-5)


# --- folders


@pytest.fixture
def folder(tmp_path):
    save_model(tmp_path / "tiny", CARD, random_network())
    return tmp_path / "tiny"


def edit_card(folder, **changes):
    card = json.loads((folder / CARD_FILE).read_text())
    (folder / CARD_FILE).write_text(json.dumps(card | changes))


def refused(folder, message):
    with pytest.raises(ModelError, match=message) as caught:
        load_model(folder)
    assert str(folder) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_without_a_graph_predicts_the_same_and_can_be_given_one(folder):
    before, graph = load_model(folder).predict(windows()), (folder / GRAPH_FILE).read_bytes()
    (folder / GRAPH_FILE).unlink()
    edit_card(folder, graph_sha256=None)
    np.testing.assert_array_equal(load_model(folder).predict(windows()), before)
    assert not (folder / GRAPH_FILE).exists()
    assert add_graph(folder) == read_card(folder)
    assert (folder / GRAPH_FILE).read_bytes() == graph
    np.testing.assert_array_equal(load_model(folder).predict(windows()), before)


def test_a_graph_that_the_card_does_not_vouch_for_is_refused(folder):
    content = bytearray((folder / GRAPH_FILE).read_bytes())
    content[-1] ^= 1
    (folder / GRAPH_FILE).write_bytes(content)
    refused(folder, "model.onnx: SHA-256 is .* the card says .*; get the folder anew")


def test_a_graph_of_other_weights_sizes_or_markers_is_refused(folder, tmp_path):
    """Even if the card vouches for it: weights and card may have been changed, and the graph forgotten."""
    edit_card(folder, sha256=hashlib.sha256(b"other weights").hexdigest())
    refused(folder, "not made from this card and its weights: it has other weights_sha256; make it anew")
    card = read_card(folder)
    for sizes in (NetworkSizes(hidden=7), NetworkSizes(hidden=6, spread=True)):
        edit_card(folder, sha256=hashlib.sha256((folder / WEIGHTS_FILE).read_bytes()).hexdigest())
        edit_card(folder, sizes=msgspec.to_builtins(sizes))
        refused(folder, "it has other sizes")
    other = msgspec.structs.replace(card, sizes=NetworkSizes(hidden=6, spread=True))
    graph = make_graph(other, weights_of(random_network(other.sizes)))
    (folder / GRAPH_FILE).write_bytes(graph)
    edit_card(folder, graph_sha256=hashlib.sha256(graph).hexdigest(), sizes=msgspec.to_builtins(card.sizes))
    refused(folder, "it has other")


@pytest.mark.parametrize("content", [b"", b"\x08\x08", b"no graph", b"\xff" * 1000])
def test_what_is_no_graph_is_refused_in_one_line(folder, content):
    (folder / GRAPH_FILE).write_bytes(content)
    edit_card(folder, graph_sha256=hashlib.sha256(content).hexdigest())
    refused(folder, "no graph that ONNX Runtime can read")


def test_the_graph_is_the_same_bytes_each_time():
    network = random_network()
    assert make_graph(CARD, weights_of(network)) == make_graph(CARD, weights_of(network))


def test_prediction_with_and_without_a_graph_loads_no_torch(folder):
    code = (
        "import sys; from pathlib import Path; from trcaugment.model.card import read_card\n"
        "from trcaugment.model.engines import load_onnx, graph_of\n"
        f"folder = Path({str(folder)!r}); load_onnx(folder, read_card(folder)); assert 'onnx' not in sys.modules\n"
        "graph_of(folder, read_card(folder)); assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
