"""What a model's card says, read and checked without torch, and where the shipped models are."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import msgspec

from trcaugment.errors import ModelError
from trcaugment.formats.files import read_file
from trcaugment.marker_sets import KEYPOINTS, OUTPUT_SETS, MarkerSet

FORMAT_VERSION = 1
DEFAULT_MODEL = "bilstm-attention-v2"
WEIGHTS_FILE, CARD_FILE, RECIPE_FILE = "model.safetensors", "card.json", "recipe.toml"
HOP_FRAMES = 5  # of new models: less overlap shakes more, more gains nothing (benchmarks/choices.py)
N_AXES = 3
# What a model's card says of these steps; a change of the steps needs other words.
ORIGIN = "midpoint of RHip and LHip, smoothed by a parabola over the window"
ALIGNMENT = "mean midHip-Neck axis is Y, mean left-to-right axis of hips and shoulders lies in +Z"
_CARD_BYTES = 1_000_000  # far more than any card has: a foreign folder must not take all memory
_OutputName = Annotated[str, msgspec.Meta(pattern=r"^[^\x00-\x20]([^\x00-\x1f]*[^\x00-\x20])?\Z", max_length=100)]
# Far more than anyone needs: a typing error must be told, and not computed for years.
Count = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]


class NetworkSizes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Sizes and parts of the network; they travel with the weights.

    Attributes:
        n_keypoints: keypoints in, three features each.
        n_person_features: features after the keypoints that describe the person (height, mass).
        n_markers: markers out, three targets each.
        hidden: LSTM units per direction.
        n_layers: LSTM layers after the attention: the main one and the additional ones (the report's nLayers + 1).
        bidirectional: whether the LSTM layers read the window backward too.
        spatial_attention: whether keypoints are weighed in every frame.
        temporal_attention: "none"; "frames", one weight per frame, as the report's second attention layer; or "self",
            where every frame attends to every other.
        linear_path: whether a linear map of every frame's features runs beside.
        spread: whether the network says how sure it is of every coordinate.
    """

    n_keypoints: Count = 15
    n_person_features: Annotated[int, msgspec.Meta(ge=0)] = 2
    n_markers: Count = 35
    hidden: Annotated[int, msgspec.Meta(ge=1, le=8192)] = 96
    n_layers: Annotated[int, msgspec.Meta(ge=1, le=64)] = 2
    bidirectional: bool = True
    spatial_attention: bool = True
    temporal_attention: Literal["none", "frames", "self"] = "none"
    linear_path: bool = True
    spread: bool = False

    @property
    def n_features(self) -> int:
        """Number of input features."""
        return N_AXES * self.n_keypoints + self.n_person_features

    @property
    def n_targets(self) -> int:
        """Number of output coordinates."""
        return N_AXES * self.n_markers

    @property
    def n_states(self) -> int:
        """Number of hidden states per frame, of all directions."""
        return self.hidden * (2 if self.bidirectional else 1)


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

    @property
    def keypoints(self) -> MarkerSet:
        """What the model reads."""
        return KEYPOINTS

    @property
    def markers(self) -> MarkerSet:
        """What the model predicts."""
        return next(each for each in OUTPUT_SETS.values() if each.names == self.outputs)


def list_models() -> list[Card]:
    """Cards of the shipped models, by name."""
    folders = sorted(path.parent for path in models_folder().glob(f"*/{CARD_FILE}"))
    return [read_card(folder) for folder in folders]


def models_folder() -> Path:
    """Where the shipped models are: inside an installed package, or beside the package in a checkout."""
    package = Path(__file__).parents[1]
    installed = package / "models"
    return installed if installed.is_dir() else package.parent / "models"


def read_card(folder: Path) -> Card:
    """Read and check the card of a model folder.

    Raises:
        ModelError: it is missing, not a card, of another format, or its parts do not fit together.
    """
    path = folder / CARD_FILE
    try:
        card = msgspec.json.decode(read_at_most(path, _CARD_BYTES, "a model card"), type=Card)
    except OSError as error:
        raise ModelError(f"{path}: expected the card of a model, cannot read it ({error.strerror})") from error
    except (msgspec.DecodeError, msgspec.ValidationError, RecursionError) as error:
        raise ModelError(f"{path}: not a model card of this version ({error})") from error
    if card.format_version != FORMAT_VERSION:
        raise ModelError(
            f"{path}: expected format version {FORMAT_VERSION}, found {card.format_version}; update trcaugment"
        )
    sizes = card.sizes
    if card.inputs != KEYPOINTS.names:
        raise ModelError(f"{path}: expected the inputs {', '.join(KEYPOINTS)} in this order, found other ones")
    if card.outputs not in [each.names for each in OUTPUT_SETS.values()]:
        raise ModelError(f"{path}: expected the outputs of {' or '.join(OUTPUT_SETS)}, found other ones")
    if (card.origin, card.alignment) != (ORIGIN, ALIGNMENT):
        raise ModelError(f"{path}: made for another way of centering or turning windows; use its own trcaugment")
    if card.hop_frames > card.window_frames:
        raise ModelError(f"{path}: expected a hop within the window")
    if (len(card.inputs), 2, len(card.outputs)) != (sizes.n_keypoints, sizes.n_person_features, sizes.n_markers):
        raise ModelError(f"{path}: the network's sizes do not fit its inputs and {len(card.outputs)} outputs")
    for low, high in (card.height_m, card.body_mass_index):
        if not 0 < low <= high:
            raise ModelError(
                f"{path}: expected heights and body mass indices from low to high, found {low:g} to {high:g}"
            )
    return card


def find_folder(name_or_folder: str | Path) -> Path:
    """The folder of a model, from the name of a shipped one or from its path.

    Raises:
        ModelError: there is none.
    """
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


def read_at_most(path: Path, most_bytes: int, what: str) -> bytes:
    """Content of a file, unless it is larger than such a file can be."""
    n_bytes = path.stat().st_size
    if n_bytes > most_bytes:
        raise ModelError(
            f"{path}: expected {what} of {most_bytes:,} bytes at most, found {n_bytes:,}; get the folder anew"
        )
    return read_file(path)
