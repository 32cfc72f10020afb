"""Model folders: what is saved is what is loaded, and nothing else ever is."""

import hashlib
import json
import pickle

import msgspec
import numpy as np
import pytest
import torch
from safetensors.torch import save as save_tensors
from tiny_models import CARD, random_network

import trcaugment.model.engines
from trcaugment.errors import ModelError
from trcaugment.marker_sets import ANATOMICAL_MARKERS, INPUT_SETS, KEYPOINTS, OUTPUT_SETS
from trcaugment.model.card import (
    CARD_FILE,
    DEFAULT_MODEL,
    GRAPH_FILE,
    WEIGHTS_FILE,
    NetworkSizes,
    list_models,
    models_folder,
    read_card,
)
from trcaugment.model.folder import load_model, save_model
from trcaugment.model.normalization import mirror
from trcaugment.model.torch_engine import load_network


@pytest.fixture
def folder(tmp_path):
    save_model(tmp_path / "tiny", CARD, random_network())
    return tmp_path / "tiny"


def features(n=5):
    return torch.randn(n, 30, 47, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def edit_card(folder, **changes):
    path = folder / CARD_FILE
    card = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({key: value for key, value in card.items() if value is not None}))


def replace_weights(folder, weights):
    """Other weights, with a card that vouches for them: what an attacker would do."""
    (folder / WEIGHTS_FILE).write_bytes(weights)
    edit_card(folder, sha256=hashlib.sha256(weights).hexdigest(), graph_sha256=None)


def read_the_weights(folder):
    """Without a graph, one is made from the weights."""
    (folder / GRAPH_FILE).unlink()
    edit_card(folder, graph_sha256=None)


def refused(folder, message, device="cpu"):
    with pytest.raises(ModelError, match=message) as caught:
        load_model(folder, device)
    return str(caught.value)


# --- what works


def test_a_loaded_model_predicts_what_the_saved_one_did(folder):
    network, card = load_network(folder), load_model(folder, "cpu").card
    with torch.inference_mode():
        assert torch.equal(network(features().float()), random_network()(features().float()))
    assert not network.training
    assert msgspec.structs.replace(card, sha256="", graph_sha256=None) == CARD
    assert card.sha256 == hashlib.sha256((folder / WEIGHTS_FILE).read_bytes()).hexdigest()
    assert card.graph_sha256 == hashlib.sha256((folder / GRAPH_FILE).read_bytes()).hexdigest()


def test_predictions_are_the_mean_of_a_window_and_its_mirror_image(folder):
    model = load_model(folder, "cpu")
    windows = features().numpy()
    mirrored = mirror(windows, KEYPOINTS)
    with torch.inference_mode():
        own, other = (random_network()(torch.from_numpy(each).float()).numpy() for each in (windows, mirrored))
    expected = (own + mirror(other, ANATOMICAL_MARKERS)) / 2
    np.testing.assert_allclose(model.predict(windows), expected, atol=2e-6)
    np.testing.assert_allclose(model.predict(mirrored), mirror(expected, ANATOMICAL_MARKERS), atol=2e-6)


def test_the_saved_card_is_returned_with_its_checksum(tmp_path):
    signed = save_model(tmp_path / "deep" / "tiny", CARD, random_network())
    assert read_card(tmp_path / "deep" / "tiny") == signed
    assert len(signed.sha256) == 64


def test_predictions_do_not_depend_on_how_windows_are_batched(folder, monkeypatch):
    windows = features(23).numpy()
    for model in (load_model(folder, "cpu"), load_model()):
        whole = model.predict(windows)
        for size in (1, 5, 23, 100):
            monkeypatch.setattr(trcaugment.model.engines, "_BATCH_WINDOWS", size)
            np.testing.assert_array_equal(model.predict(windows), whole)
        alone = np.concatenate([model.predict(window[None]) for window in windows])
        np.testing.assert_array_equal(alone, whole)


def test_predictions_have_the_precision_of_the_features(folder):
    model = load_model(folder)
    for dtype in (np.float32, np.float64):
        assert model.predict(features().numpy().astype(dtype)).dtype == dtype


def test_a_model_loads_by_its_path_as_text(folder):
    assert load_model(str(folder), "cpu").card.name == "tiny"


def test_shipped_models_are_found_by_name(folder, monkeypatch):
    monkeypatch.setattr(trcaugment.model.card, "models_folder", lambda: folder.parent)
    assert [card.name for card in list_models()] == ["tiny"]
    assert load_model("tiny", "cpu").card.name == "tiny"
    refused("other", r"no model 'other'.*\(tiny\)")


def test_every_shipped_model_loads_and_keeps_its_folders_name():
    folders = sorted(path.parent for path in models_folder().glob(f"*/{CARD_FILE}"))
    if not folders:
        pytest.skip("no models are shipped in this checkout")
    for path in folders:
        card = load_model(path, "cpu").card
        assert card.name == path.name
        assert card.inputs in {each.names for each in INPUT_SETS.values()}
        assert card.outputs in {each.names for each in OUTPUT_SETS.values()}
    default = read_card(models_folder() / DEFAULT_MODEL)
    assert (default.inputs, default.outputs) == (KEYPOINTS.names, ANATOMICAL_MARKERS.names)


# --- what is refused


def test_a_released_model_is_never_overwritten(folder):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(ModelError, match="never changes, choose another name"):
        save_model(folder, CARD, random_network(NetworkSizes(hidden=3)))
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_folder_that_cannot_be_made_is_reported(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(ModelError, match="cannot write the model"):
        save_model(tmp_path / "file" / "tiny", CARD, random_network())


def test_missing_models_cards_and_weights_are_named(folder, tmp_path):
    refused(tmp_path / "nowhere", "no model .*nowhere.*expected a model folder or a shipped model")
    (folder / GRAPH_FILE).rename(tmp_path / "graph")
    refused(folder, "expected the graph of the model")
    (folder / WEIGHTS_FILE).rename(tmp_path / "weights")
    edit_card(folder, graph_sha256=None)
    refused(folder, "expected the weights of the model")
    (folder / CARD_FILE).unlink()
    assert str(folder) in refused(folder, f"expected a model folder with {CARD_FILE}")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda text: text[: len(text) // 2], "not a model card"),
        (lambda text: "", "not a model card"),
        (lambda text: "[1, 2]", "Expected `object`"),
        (lambda text: text.replace('"hop_frames": 5', '"hop_frames": "five"'), "hop_frames"),
        (lambda text: text.replace('"hop_frames"', '"hop"'), "not a model card"),
        (lambda text: text.replace('"name"', '"extra": 1, "name"', 1), "unknown field `extra`"),
        (lambda text: text.replace('"hidden"', '"extra": 1, "hidden"', 1), "unknown field `extra`"),
    ],
)
def test_a_damaged_card_is_refused(folder, damage, message):
    path = folder / CARD_FILE
    text = path.read_text()
    assert damage(text) != text
    path.write_text(damage(text))
    assert str(path) in refused(folder, message)


def test_a_card_that_is_not_text_is_refused(folder):
    (folder / CARD_FILE).write_bytes(b"\xff\xfe\x00{")
    refused(folder, "not a model card")


@pytest.mark.parametrize(("version", "what_to_do"), [(3, "update"), (99, "update"), (1, "train"), (0, "train")])
def test_another_format_version_is_refused_with_what_to_do(folder, version, what_to_do):
    edit_card(folder, format_version=version, rate_hz=60.0)  # cards of other formats have other fields
    refused(folder, f"expected format version 2, found {version}; {what_to_do}")


def test_marker_sets_must_be_known_and_as_they_were(folder):
    edit_card(folder, outputs=list(ANATOMICAL_MARKERS.names[:-1]))
    refused(folder, "expected the names of the marker set anatomical-35 in their order")
    edit_card(folder, output_set="fingers")
    refused(folder, "expected the marker set anatomical-35 or arms-8, found 'fingers'; update")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"origin": "sternum"}, "another way of centering"),
        ({"alignment": "none"}, "another way of centering"),
        ({"hop_frames": 0}, "hop_frames"),
        ({"hop_frames": 31}, "hop_frames"),
    ],
)
def test_cards_that_the_chain_cannot_follow_are_refused(folder, change, message):
    edit_card(folder, **change)
    refused(folder, message)


def test_loading_leaves_the_random_state_alone(folder):
    before = torch.get_rng_state()
    load_model(folder, "cpu")
    assert torch.equal(torch.get_rng_state(), before)


def test_keypoints_in_another_order_are_refused(folder):
    edit_card(folder, inputs=[*KEYPOINTS.names[1:], KEYPOINTS.names[0]])
    refused(folder, "keypoints-15 in their order")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hidden": 0}, r"`int` >= 1.*sizes\.hidden"),
        ({"hidden": -4}, r"`int` >= 1.*sizes\.hidden"),
        ({"n_layers": 0}, r"`int` >= 1.*sizes\.n_layers"),
        ({"hidden": 10**12}, r"`int` <= 8192.*sizes\.hidden"),
    ],
)
def test_impossible_sizes_are_refused(folder, change, message):
    sizes = json.loads((folder / CARD_FILE).read_text())["sizes"]
    edit_card(folder, sizes=sizes | change)
    assert str(folder / CARD_FILE) in refused(folder, message)


def test_weights_that_the_card_does_not_vouch_for_are_refused(folder):
    path = folder / WEIGHTS_FILE
    read_the_weights(folder)
    weights = bytearray(path.read_bytes())
    weights[-1] ^= 1
    path.write_bytes(weights)
    assert str(path) in refused(folder, "SHA-256 is .* the card says .*; get the folder anew")
    path.write_bytes(weights[:-100])
    refused(folder, "SHA-256")


def test_truncated_weights_are_refused_even_if_the_card_vouches_for_them(folder):
    weights = (folder / WEIGHTS_FILE).read_bytes()
    for kept in (0, 4, 200, len(weights) - 4):
        replace_weights(folder, weights[:kept])
        refused(folder, "not the weights of the network")


def test_weights_of_other_shapes_names_or_values_are_refused(folder):
    replace_weights(folder, save_tensors(random_network(NetworkSizes(hidden=7, n_layers=2)).state_dict()))
    refused(folder, "not the weights of the network")
    tensors = {name: tensor.contiguous() for name, tensor in random_network().state_dict().items()}
    replace_weights(folder, save_tensors({name: t for name, t in tensors.items() if name != "output.bias"}))
    refused(folder, "output.bias")
    replace_weights(folder, save_tensors(tensors | {"extra": torch.zeros(1)}))
    refused(folder, "extra")
    for bad in (float("nan"), float("inf")):
        spoiled = tensors["output.bias"].clone()
        spoiled[3] = bad
        replace_weights(folder, save_tensors(tensors | {"output.bias": spoiled}))
        refused(folder, "found NaN or infinity in output.bias")
    replace_weights(folder, save_tensors(tensors))
    load_model(folder, "cpu")  # it was these changes alone


class _Exploit:
    """Unpickling this makes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (type(self.path).touch, (self.path,))


def test_pickled_code_in_place_of_weights_never_runs(folder, tmp_path):
    trap = tmp_path / "code ran"
    exploit = _Exploit(trap)
    pickle.loads(pickle.dumps(exploit))
    assert trap.exists()  # the trap works
    trap.unlink()
    torch.save({"weights": exploit}, tmp_path / "torch.pt")
    read_the_weights(folder)
    for payload in (pickle.dumps(exploit), (tmp_path / "torch.pt").read_bytes()):
        (folder / WEIGHTS_FILE).write_bytes(payload)
        refused(folder, "SHA-256")
        replace_weights(folder, payload)
        refused(folder, "not the weights of the network")
        # Other files of the folder are not looked at at all.
        (folder / "model.pt").write_bytes(payload)
        (folder / "model.pkl").write_bytes(payload)
        refused(folder, "not the weights")
        assert not trap.exists()


def test_unknown_and_missing_devices_are_refused(folder):
    refused(folder, "expected a device out of cpu, cuda, mps, found 'tpu'", "tpu")
    for name, there in (("cuda", torch.cuda.is_available()), ("mps", torch.backends.mps.is_available())):
        if not there:
            refused(folder, f"no device '{name}'; use cpu", name)
