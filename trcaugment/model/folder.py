"""A model is a folder: weights (safetensors), card (JSON), the recipe that trained it and a page for people.

Nothing is ever unpickled, and weights are checked against the card's SHA-256 each time they are loaded.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec
import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor
from torch.nn.functional import pad

from trcaugment.errors import ModelError
from trcaugment.formats.files import as_json, replace_file
from trcaugment.model.card import (
    CARD_FILE,
    DEFAULT_MODEL,
    RECIPE_FILE,
    WEIGHTS_FILE,
    Card,
    find_folder,
    read_at_most,
    read_card,
)
from trcaugment.model.network import MarkerNetwork
from trcaugment.model.normalization import mirror

# Always as many, the last batch filled up: a product of matrices of other sizes may round otherwise, and a window's
# prediction must not depend on which windows are with it. Larger ones gain nothing.
_BATCH_WINDOWS = 64
_HEADER_BYTES = 1_000_000  # names and shapes, in front of the weights


@dataclass(frozen=True, eq=False)
class Model:
    """A loaded model: its card and its network, on one device."""

    card: Card
    network: MarkerNetwork
    device: torch.device

    def predict(self, features: Tensor) -> Tensor:
        """Targets of windows of features, both in the body frame: the mean of what the network makes of each window and
        of its mirror image, so that left and right are treated alike and chance errors of the two average out.

        Args:
            features: (n_windows, n_frames, n_features), any device and precision.

        Returns:
            Marker coordinates in multiples of height, (n_windows, n_frames, n_targets), where and as the features are.
        """
        return self._in_batches(self._predict, features)

    def attention(self, features: Tensor) -> Tensor:
        """Attention weights of the keypoints, summing to one in every frame: the mean over window and mirror image too.

        Args:
            features: (n_windows, n_frames, n_features), any device and precision.

        Returns:
            (n_windows, n_frames, n_keypoints), where and as the features are.
        """
        return self._in_batches(self._attend, features)

    def _in_batches(self, apply: Callable[[Tensor], Tensor], features: Tensor) -> Tensor:
        with torch.inference_mode():
            filled_up = pad(features.to(torch.float32), (0, 0, 0, 0, 0, -len(features) % _BATCH_WINDOWS))
            batches = torch.split(filled_up, _BATCH_WINDOWS)
            return torch.cat([apply(batch.to(self.device)).cpu().to(features) for batch in batches])[: len(features)]

    def _predict(self, features: Tensor) -> Tensor:
        mirrored = self.network(mirror(features, self.card.keypoints))
        both: Tensor = (self.network(features) + mirror(mirrored, self.card.markers)) / 2
        return both

    def _attend(self, features: Tensor) -> Tensor:
        mirrored = self.network.attention(mirror(features, self.card.keypoints))
        both: Tensor = (self.network.attention(features) + mirrored[..., self.card.keypoints.mirror_order]) / 2
        return both


def load_model(name_or_folder: str | Path = DEFAULT_MODEL, device: str = "auto") -> Model:
    """Load a model by the name of a shipped one or by its folder.

    Args:
        name_or_folder: a name that `list_models` lists, or the path of a model folder.
        device: "auto" (cuda where there is one, else cpu), "cpu", "cuda" or "mps".

    Raises:
        ModelError: no such model, a damaged or foreign folder, or no such device.
    """
    folder = find_folder(name_or_folder)
    card = read_card(folder)
    network = _make_network(card)
    _load_weights(network, folder / WEIGHTS_FILE, card.sha256)
    place = _device(device)
    return Model(card, network.eval().to(place), place)


def save_model(folder: Path, card: Card, network: MarkerNetwork, *, recipe: bytes | None = None) -> Card:
    """Write weights, recipe (TOML) and card into a new folder; the card's checksum becomes that of the weights.

    The card comes last: a folder without one, left by a full disk, is no model and can be written again.

    Raises:
        ModelError: the folder holds a model already, or cannot be written.
    """
    if (folder / CARD_FILE).exists():
        raise ModelError(f"{folder}: holds a model already; a released model never changes, choose another name")
    weights = save_tensors({name: tensor.cpu().contiguous() for name, tensor in network.state_dict().items()})
    signed = msgspec.structs.replace(card, sha256=hashlib.sha256(weights).hexdigest())
    try:
        folder.mkdir(parents=True, exist_ok=True)
        replace_file(folder / WEIGHTS_FILE, weights)
        if recipe is not None:
            replace_file(folder / RECIPE_FILE, recipe)
        replace_file(folder / CARD_FILE, as_json(signed))
    except OSError as error:
        raise ModelError(f"{folder}: cannot write the model ({error.strerror})") from error
    return signed


def _make_network(card: Card) -> MarkerNetwork:
    """A network without numbers: drawing them only to overwrite them would move the caller's random state."""
    with torch.device("meta"):
        return MarkerNetwork(card.sizes, len(card.inputs), len(card.outputs))


def _load_weights(network: MarkerNetwork, path: Path, sha256: str) -> None:
    described = network.state_dict()
    most_bytes = sum(tensor.nbytes for tensor in described.values()) + _HEADER_BYTES
    try:
        weights = read_at_most(path, most_bytes, "weights of the network that the card describes,")
    except OSError as error:
        raise ModelError(f"{path}: expected the weights of the model, cannot read them ({error.strerror})") from error
    found = hashlib.sha256(weights).hexdigest()
    if found != sha256:
        raise ModelError(f"{path}: SHA-256 is {found[:12]}…, the card says {sha256[:12]}…; get the folder anew")
    try:
        tensors = load_tensors(weights)
        network.load_state_dict(tensors, strict=True, assign=True)
    except (SafetensorError, RuntimeError, KeyError) as error:  # KeyError: of a type that torch does not have
        reason = str(error).splitlines()[-1].strip()[:200]
        raise ModelError(f"{path}: not the weights of the network that the card describes ({reason})") from error
    other = [f"{name} ({t.dtype})" for name, t in tensors.items() if t.dtype != described[name].dtype]
    if other:
        raise ModelError(f"{path}: weights must be float32, found {', '.join(other[:3])}")
    bad = [name for name, tensor in tensors.items() if not torch.isfinite(tensor).all()]
    if bad:
        raise ModelError(f"{path}: weights must be numbers, found NaN or infinity in {', '.join(bad)}")
    if not (network.deviation > 0).all():
        raise ModelError(f"{path}: the features' deviations must be above 0, found {network.deviation.min():g}")


def _device(name: str) -> torch.device:
    available = {
        "cpu": True,
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    if name == "auto":
        return torch.device("cuda" if available["cuda"] else "cpu")
    if name not in available:
        raise ModelError(f"expected a device out of auto, {', '.join(available)}, found '{name}'")
    if not available[name]:
        raise ModelError(f"this machine has no device '{name}'; use auto or cpu")
    return torch.device(name)
