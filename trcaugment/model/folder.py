"""Model folders: weights (safetensors), card (JSON), the training recipe and a README.

Nothing is unpickled, and weights are checked against the card's SHA-256 each time they are loaded.
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
from trcaugment.model.uncertainty import Uncertainty, read_uncertainty

# Every batch is padded to this size: matrix products of other sizes may round differently, and a window's prediction
# must not depend on the other windows. Larger batches are no faster.
_BATCH_WINDOWS = 64
_HEADER_BYTES = 1_000_000  # names and shapes, in front of the weights


@dataclass(frozen=True, eq=False)
class Model:
    """A loaded model: its card and its network, on one device, and how far its markers may be off, where known."""

    card: Card
    network: MarkerNetwork
    device: torch.device
    uncertainty: Uncertainty | None = None

    def predict(self, features: Tensor) -> Tensor:
        """Predict markers in the body frame: the mean of the predictions for each window and for its mirror image.

        Left and right are therefore treated alike, and random errors of the two predictions partly cancel.

        Args:
            features: (n_windows, n_frames, n_features), any device and precision.

        Returns:
            Marker coordinates in multiples of height, (n_windows, n_frames, n_targets), on the features' device and in
            their precision.
        """
        return self._in_batches(self._predict, features)

    def attention(self, features: Tensor) -> Tensor:
        """Attention weights of the keypoints, which sum to 1 in every frame; the mean over window and mirror image.

        Args:
            features: (n_windows, n_frames, n_features), any device and precision.

        Returns:
            (n_windows, n_frames, n_keypoints), on the features' device and in their precision.
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
    """Load a shipped model by its name, or any model by its folder.

    Args:
        name_or_folder: a name that `list_models` lists, or the path of a model folder.
        device: "auto" (cuda if available, else cpu), "cpu", "cuda" or "mps".

    Raises:
        ModelError: no such model, a damaged or foreign folder, or no such device.
    """
    folder = find_folder(name_or_folder)
    card = read_card(folder)
    network = _make_network(card)
    _load_weights(network, folder / WEIGHTS_FILE, card.sha256)
    place = _device(device)
    return Model(card, network.eval().to(place), place, read_uncertainty(folder, card))


def save_model(folder: Path, card: Card, network: MarkerNetwork, *, recipe: bytes | None = None) -> Card:
    """Write weights, recipe (TOML) and card into a folder, and return the card with the checksum of the weights.

    The card is written last: a folder without a card, as a full disk leaves it, is no model and can be written again.

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
    """A network on the meta device, without weights: drawing weights would change the caller's random state."""
    with torch.device("meta"):
        return MarkerNetwork(card.sizes, len(card.inputs), len(card.outputs))


def _load_weights(network: MarkerNetwork, path: Path, sha256: str) -> None:
    described = network.state_dict()
    most_bytes = sum(tensor.nbytes for tensor in described.values()) + _HEADER_BYTES
    try:
        weights = read_at_most(path, most_bytes, "weights of the network that the card describes,")
    except OSError as error:
        raise ModelError(f"{path}: expected the weights of the model, cannot read them ({error.strerror})") from error
    actual = hashlib.sha256(weights).hexdigest()
    if actual != sha256:
        raise ModelError(f"{path}: SHA-256 is {actual[:12]}…, the card says {sha256[:12]}…; get the folder anew")
    try:
        tensors = load_tensors(weights)
        network.load_state_dict(tensors, strict=True, assign=True)
    except (SafetensorError, RuntimeError, KeyError) as error:  # KeyError: a data type that torch does not have
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
