"""Model folders: weights (safetensors), graph (ONNX), card (JSON), the training recipe and a README.

Nothing is unpickled, and what is loaded is checked against the card's SHA-256 each time. Importing this module loads
neither torch nor ONNX Runtime.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from safetensors.numpy import save

from trcaugment.errors import ModelError
from trcaugment.formats.files import as_json, replace_file
from trcaugment.model.card import (
    ARMS_MODEL,
    CARD_FILE,
    DEFAULT_MODEL,
    GRAPH_FILE,
    RECIPE_FILE,
    WEIGHTS_FILE,
    Card,
    find_folder,
    read_card,
)
from trcaugment.model.graph import ATTENTION, MARKERS, make_graph
from trcaugment.model.normalization import Array, mirror
from trcaugment.model.uncertainty import Uncertainty, read_uncertainty

if TYPE_CHECKING:
    from trcaugment.model.engines import Engine  # which loads ONNX Runtime
    from trcaugment.model.network import MarkerNetwork  # which loads torch

DEVICES = ("cpu", "cuda", "mps")


@dataclass(frozen=True, eq=False)
class Model:
    """A loaded model: its card, what runs its network, and how far its markers may be off, where known.

    Every output is the mean over a window and its mirror image: left and right are treated alike, and random errors of
    the two partly cancel.
    """

    card: Card
    engine: Engine
    uncertainty: Uncertainty | None = None

    def predict(self, features: Array) -> Array:
        """Predict markers in the body frame.

        Args:
            features: from `make_features`, (n_windows, n_frames, n_features).

        Returns:
            Marker coordinates in multiples of height, (n_windows, n_frames, n_targets), in the features' precision.
        """
        own, mirrored = self._run(features, MARKERS)
        return ((own + mirror(mirrored, self.card.markers)) / 2).astype(features.dtype)

    def attention(self, features: Array) -> Array:
        """Attention weights of the keypoints, which sum to 1 in every frame.

        Args:
            features: from `make_features`, (n_windows, n_frames, n_features).

        Returns:
            (n_windows, n_frames, n_keypoints), in the features' precision.
        """
        own, mirrored = self._run(features, ATTENTION)
        return ((own + mirrored[..., self.card.keypoints.mirror_order]) / 2).astype(features.dtype)

    def _run(self, features: Array, output: str) -> tuple[Array, Array]:
        """An output of the network for windows and for their mirror images."""
        both = np.concatenate([features, mirror(features, self.card.keypoints)]).astype(np.float32)
        values = self.engine.run(both, output)
        return values[: len(features)], values[len(features) :]


def load_model(name_or_folder: str | Path = DEFAULT_MODEL, device: str = "cpu") -> Model:
    """Load a shipped model by its name, or any model by its folder.

    Args:
        name_or_folder: a name that `list_models` lists, or the path of a model folder.
        device: "cpu" (ONNX Runtime), "cuda" or "mps" (torch).

    Raises:
        ModelError: no such model, a damaged or foreign folder, or no such device.
    """
    folder = find_folder(name_or_folder)
    card = read_card(folder)
    if device not in DEVICES:
        raise ModelError(f"expected a device out of {', '.join(DEVICES)}, found '{device}'")
    uncertainty = read_uncertainty(folder, card)
    if device == "cpu":
        from trcaugment.model.engines import load_onnx

        return Model(card, load_onnx(folder, card), uncertainty)
    from trcaugment.model.torch_engine import TorchEngine, load_network

    return Model(card, TorchEngine(load_network(folder), device), uncertainty)


@cache
def load_arms() -> Model:
    """The shipped model of the arms, loaded once, on the CPU: it is small.

    Raises:
        ModelError: it is not installed, or damaged.
    """
    return load_model(ARMS_MODEL, "cpu")


def save_model(folder: Path, card: Card, network: MarkerNetwork, *, recipe: bytes | None = None) -> Card:
    """Write weights, graph, recipe (TOML) and card into a folder, and return the card with their checksums.

    The card is written last: a folder without a card, as a full disk leaves it, is no model and can be written again.

    Raises:
        ModelError: the folder holds a model already, or cannot be written.
    """
    from trcaugment.model.torch_engine import weights_of

    if (folder / CARD_FILE).exists():
        raise ModelError(f"{folder}: holds a model already; a released model never changes, choose another name")
    weights = weights_of(network)
    content = save(dict(weights))
    card = msgspec.structs.replace(card, sha256=hashlib.sha256(content).hexdigest(), uncertainty_sha256=None)
    graph = make_graph(card, weights)
    card = _vouching_for(card, graph)
    recipes = {} if recipe is None else {RECIPE_FILE: recipe}
    _write(folder, {WEIGHTS_FILE: content, GRAPH_FILE: graph, **recipes, CARD_FILE: as_json(card)})
    return card


def add_graph(folder: Path) -> Card:
    """Make the graph of a model folder from its weights, and return the card with its checksum.

    Raises:
        ModelError: the folder is damaged or foreign, or cannot be written.
    """
    from trcaugment.model.engines import OnnxEngine, graph_of

    card = read_card(folder)
    graph = graph_of(folder, card)
    OnnxEngine(graph, card)  # one that cannot be loaded raises
    card = _vouching_for(card, graph)
    _write(folder, {GRAPH_FILE: graph, CARD_FILE: as_json(card)})
    return card


def _vouching_for(card: Card, graph: bytes) -> Card:
    return msgspec.structs.replace(card, graph_sha256=hashlib.sha256(graph).hexdigest())


def _write(folder: Path, files: dict[str, bytes]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            replace_file(folder / name, content)
    except OSError as error:
        raise ModelError(f"{folder}: cannot write the model ({error.strerror})") from error
