"""A model is a folder: weights (safetensors), card (JSON), the recipe that trained it and a page for people.

Nothing is ever unpickled, and weights are checked against the card's SHA-256 each time they are loaded.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec
import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor
from torch.nn.functional import pad

from trcaugment.errors import ModelError
from trcaugment.files import as_json, read_file, replace_file
from trcaugment.marker_sets import KEYPOINTS, mirror_order
from trcaugment.network import Count, MarkerNetwork, NetworkSizes
from trcaugment.normalization import ALIGNMENT, ORIGIN, mirror

FORMAT_VERSION = 1
DEFAULT_MODEL = "bilstm-attention-v2"
WEIGHTS_FILE, CARD_FILE, RECIPE_FILE = "model.safetensors", "card.json", "recipe.toml"
HOP_FRAMES = 5  # of new models: less overlap shakes more, more gains nothing (benchmarks/choices.py)
# Always as many, the last batch filled up: a product of matrices of other sizes may round otherwise, and a window's
# prediction must not depend on which windows are with it. Larger ones gain nothing.
_BATCH_WINDOWS = 64
# Far more than any model has: a foreign folder must not take all memory before it is found out.
_CARD_BYTES = 1_000_000
_HEADER_BYTES = 1_000_000  # names and shapes, in front of the weights
_OutputName = Annotated[str, msgspec.Meta(pattern=r"^[^\x00-\x20]([^\x00-\x1f]*[^\x00-\x20])?\Z", max_length=100)]


class Card(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a model is and what it knows; stored beside its weights.

    Attributes:
        format_version: version of this layout.
        name: name of the model; a shipped model's folder has it too.
        description: one line for people.
        created: date of the training run (ISO 8601).
        inputs: keypoints in order.
        outputs: anatomical markers in order.
        origin: how the origin of a window is found.
        alignment: how a window is turned.
        rate_hz: frames per second of a window.
        window_frames: frames in a window.
        hop_frames: frames from one window to the next when a trial is augmented.
        sizes: sizes of the network.
        training_data: what it was trained on, with licences.
        height_m: lowest and highest height of the people it was trained on.
        body_mass_index: lowest and highest body mass index of them in kg/m².
        validation_mse: mean squared error on the validation windows, of people it never saw, in height².
        sha256: checksum of the weights.
    """

    format_version: int
    name: str
    description: str
    created: str
    inputs: tuple[str, ...]
    outputs: Annotated[tuple[_OutputName, ...], msgspec.Meta(max_length=200)]
    origin: str
    alignment: str
    rate_hz: Annotated[float, msgspec.Meta(ge=10, le=1000)]
    window_frames: Annotated[int, msgspec.Meta(ge=2, le=300)]
    hop_frames: Count
    sizes: NetworkSizes
    training_data: tuple[str, ...]
    height_m: tuple[float, float]
    body_mass_index: tuple[float, float]
    validation_mse: float
    sha256: str


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
        mirrored = self.network(mirror(features, self.card.inputs))
        both: Tensor = (self.network(features) + mirror(mirrored, self.card.outputs)) / 2
        return both

    def _attend(self, features: Tensor) -> Tensor:
        mirrored = self.network.attention(mirror(features, self.card.inputs))
        both: Tensor = (self.network.attention(features) + mirrored[..., mirror_order(self.card.inputs)]) / 2
        return both


def load_model(name_or_folder: str | Path = DEFAULT_MODEL, device: str = "auto") -> Model:
    """Load a model by the name of a shipped one or by its folder.

    Args:
        name_or_folder: a name that `list_models` lists, or the path of a model folder.
        device: "auto" (cuda where there is one, else cpu), "cpu", "cuda" or "mps".

    Raises:
        ModelError: no such model, a damaged or foreign folder, or no such device.
    """
    folder = _find_folder(name_or_folder)
    card = read_card(folder)
    network = _make_network(card.sizes)
    _load_weights(network, folder / WEIGHTS_FILE, card.sha256)
    place = _device(device)
    return Model(card, network.eval().to(place), place)


def list_models() -> list[Card]:
    """Cards of the shipped models, by name."""
    folders = sorted(path.parent for path in models_folder().glob(f"*/{CARD_FILE}"))
    return [read_card(folder) for folder in folders]


def models_folder() -> Path:
    """Where the shipped models are: inside an installed package, or beside the package in a checkout."""
    package = Path(__file__).parent
    installed = package / "models"
    return installed if installed.is_dir() else package.parent / "models"


def read_card(folder: Path) -> Card:
    """Read and check the card of a model folder.

    Raises:
        ModelError: it is missing, not a card, of another format, or its parts do not fit together.
    """
    path = folder / CARD_FILE
    try:
        card = msgspec.json.decode(_read(path, _CARD_BYTES, "a model card"), type=Card)
    except OSError as error:
        raise ModelError(f"{path}: expected the card of a model, cannot read it ({error.strerror})") from error
    except (msgspec.DecodeError, msgspec.ValidationError, RecursionError) as error:
        raise ModelError(f"{path}: not a model card of this version ({error})") from error
    if card.format_version != FORMAT_VERSION:
        raise ModelError(
            f"{path}: expected format version {FORMAT_VERSION}, found {card.format_version}; update trcaugment"
        )
    sizes = card.sizes
    if card.inputs != KEYPOINTS:
        raise ModelError(f"{path}: expected the inputs {', '.join(KEYPOINTS)} in this order, found other ones")
    if (card.origin, card.alignment) != (ORIGIN, ALIGNMENT):
        raise ModelError(f"{path}: made for another way of centering or turning windows; use its own trcaugment")
    if card.hop_frames > card.window_frames or len(set(card.outputs)) < len(card.outputs):
        raise ModelError(f"{path}: expected a hop within the window and every output once")
    if (len(card.inputs), 2, len(card.outputs)) != (sizes.n_keypoints, sizes.n_person_features, sizes.n_markers):
        raise ModelError(f"{path}: the network's sizes do not fit its inputs and {len(card.outputs)} outputs")
    for low, high in (card.height_m, card.body_mass_index):
        if not 0 < low <= high:
            raise ModelError(
                f"{path}: expected heights and body mass indices from low to high, found {low:g} to {high:g}"
            )
    return card


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


def _find_folder(name_or_folder: str | Path) -> Path:
    # A shipped model's name always means that model, whatever lies in the working folder.
    for folder in (models_folder() / name_or_folder, Path(name_or_folder)):
        try:
            if (folder / CARD_FILE).is_file():
                return folder
        except OSError as error:  # no right to look, or a name that is too long
            raise ModelError(f"{name_or_folder}: cannot be read ({error.strerror})") from error
    if Path(name_or_folder).is_dir() and str(name_or_folder):
        raise ModelError(f"{name_or_folder}: expected a model folder with {CARD_FILE} and {WEIGHTS_FILE}, found none")
    known = ", ".join(card.name for card in list_models()) or "none"
    raise ModelError(f"no model '{name_or_folder}': expected a model folder or a shipped model ({known})")


def _make_network(sizes: NetworkSizes) -> MarkerNetwork:
    """A network without numbers: drawing them only to overwrite them would move the caller's random state."""
    with torch.device("meta"):
        return MarkerNetwork(sizes)


def _read(path: Path, most_bytes: int, what: str) -> bytes:
    """Content of a file, unless it is larger than such a file can be."""
    n_bytes = path.stat().st_size
    if n_bytes > most_bytes:
        raise ModelError(
            f"{path}: expected {what} of {most_bytes:,} bytes at most, found {n_bytes:,}; get the folder anew"
        )
    return read_file(path)


def _load_weights(network: MarkerNetwork, path: Path, sha256: str) -> None:
    described = network.state_dict()
    most_bytes = sum(tensor.nbytes for tensor in described.values()) + _HEADER_BYTES
    try:
        weights = _read(path, most_bytes, "weights of the network that the card describes,")
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
