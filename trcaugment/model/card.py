"""Model cards, read and checked without torch, and the folder of the shipped models."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from trcaugment.errors import ModelError
from trcaugment.formats.files import read_file
from trcaugment.marker_sets import INPUT_SETS, OUTPUT_SETS, MarkerSet
from trcaugment.markers import WINDOW_FRAMES

FORMAT_VERSION = 2
DEFAULT_MODEL, ARMS_MODEL = "bilstm-attention-v3", "arms-v1"
WEIGHTS_FILE, GRAPH_FILE, CARD_FILE, RECIPE_FILE = "model.safetensors", "model.onnx", "card.json", "recipe.toml"
UNCERTAINTY_FILE = "uncertainty.safetensors"
HOP_FRAMES = 20  # of new models: more costs accuracy, fewer gains nothing (benchmarks/choices.py)
N_AXES = 3
N_PERSON_FEATURES = 2  # height and mass
N_HEADS = 4  # of self-attention; fewer if the number of hidden states is not divisible by 4
# Description of the normalization in a card. Change the text whenever the steps change: other texts are refused.
ORIGIN = "midpoint of RHip and LHip, smoothed by a parabola over the window"
ALIGNMENT = "mean midHip-Neck axis is Y, mean left-to-right axis of hips and shoulders lies in +Z"
_CARD_BYTES = 1_000_000  # far more than a card has, so that a damaged folder cannot fill the memory
# The limit is far above any use: it turns a typing error into a message.
Count = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]


class NetworkSizes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Sizes and parts of the network, stored with its weights.

    Attributes:
        hidden: LSTM units per direction.
        n_layers: LSTM layers after the attention: the main one and the additional ones (the report's nLayers + 1).
        bidirectional: whether the LSTM layers read the window backward too.
        spatial_attention: whether keypoints are weighted in every frame.
        temporal_attention: "none"; "frames", one weight per frame, as the report's second attention layer; or "self",
            where every frame attends to every other.
        linear_path: whether a linear map of every frame's features is added to the output.
        spread: whether the network also predicts the uncertainty of every coordinate.
    """

    hidden: Annotated[int, msgspec.Meta(ge=1, le=8192)] = 96
    n_layers: Annotated[int, msgspec.Meta(ge=1, le=64)] = 2
    bidirectional: bool = True
    spatial_attention: bool = True
    temporal_attention: Literal["none", "frames", "self"] = "none"
    linear_path: bool = True
    spread: bool = False

    @property
    def n_states(self) -> int:
        """Number of hidden states per frame, over both directions."""
        return self.hidden * (2 if self.bidirectional else 1)


class Card(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Description of a model, stored beside its weights.

    Attributes:
        format_version: version of this layout.
        name: name of the model, which is also the folder's name of a shipped model.
        description: one line for people.
        created: date of the training run (ISO 8601).
        input_set: name of the marker set that the model reads.
        inputs: names of the keypoints of that set in order when the model was trained.
        output_set: name of the marker set that the model predicts.
        outputs: names of the markers of that set in order when the model was trained.
        origin: how the origin of a window is found.
        alignment: how a window is turned.
        hop_frames: frames between the starts of successive windows when a trial is augmented.
        sizes: sizes of the network.
        training_data: sentences on the training data, with licences.
        height_m: lowest and highest height in m in the training data.
        body_mass_index: lowest and highest body mass index in kg/m² in the training data.
        validation_mse: mean squared error on validation windows of other people, in squared multiples of height.
        sha256: SHA-256 of the weights file.
        graph_sha256: SHA-256 of the graph file; None if the folder has none.
        uncertainty_sha256: SHA-256 of the file that says how far the markers may be off; None without one.
    """

    format_version: int
    name: str
    description: str
    created: str
    input_set: str
    inputs: tuple[str, ...]
    output_set: str
    outputs: tuple[str, ...]
    origin: str
    alignment: str
    hop_frames: Annotated[int, msgspec.Meta(ge=1, le=WINDOW_FRAMES)]
    sizes: NetworkSizes
    training_data: tuple[str, ...]
    height_m: tuple[float, float]
    body_mass_index: tuple[float, float]
    validation_mse: float
    sha256: str
    graph_sha256: str | None = None
    uncertainty_sha256: str | None = None

    @property
    def keypoints(self) -> MarkerSet:
        """The marker set that the model reads."""
        return INPUT_SETS[self.input_set]

    @property
    def markers(self) -> MarkerSet:
        """The marker set that the model predicts."""
        return OUTPUT_SETS[self.output_set]


def list_models() -> list[Card]:
    """Cards of the shipped models, sorted by name.

    Example:
        >>> from trcaugment import list_models
        >>> "bilstm-attention-v3" in [card.name for card in list_models()]
        True
    """
    folders = sorted(path.parent for path in models_folder().glob(f"*/{CARD_FILE}"))
    return [read_card(folder) for folder in folders]


def models_folder() -> Path:
    """Folder of the shipped models: inside an installed package, or beside the package in a checkout."""
    package = Path(__file__).parents[1]
    installed = package / "models"
    return installed if installed.is_dir() else package.parent / "models"


def read_card(folder: Path) -> Card:
    """Read and check the card of a model folder.

    Raises:
        ModelError: the card is missing, damaged, of another format, or contradicts itself.
    """
    path = folder / CARD_FILE
    try:
        content = read_at_most(path, _CARD_BYTES, "a model card")
        _check_version(path, msgspec.json.decode(content, type=_Version).format_version)
        card = msgspec.json.decode(content, type=Card)
    except OSError as error:
        raise ModelError(f"{path}: expected the card of a model, cannot read it ({error.strerror})") from error
    except (msgspec.DecodeError, msgspec.ValidationError, RecursionError) as error:
        raise ModelError(f"{path}: not a model card of this version ({error})") from error
    _check_set(path, (card.input_set, card.inputs), INPUT_SETS)
    _check_set(path, (card.output_set, card.outputs), OUTPUT_SETS)
    if (card.origin, card.alignment) != (ORIGIN, ALIGNMENT):
        raise ModelError(f"{path}: made for another way of centering or turning windows; use its own trcaugment")
    for low, high in (card.height_m, card.body_mass_index):
        if not 0 < low <= high:
            raise ModelError(
                f"{path}: expected heights and body mass indices from low to high, found {low:g} to {high:g}"
            )
    return card


class _Version(msgspec.Struct, frozen=True):
    """The field that is read first, because it says how to read the others."""

    format_version: int


def _check_version(path: Path, version: int) -> None:
    if version > FORMAT_VERSION:
        raise ModelError(f"{path}: expected format version {FORMAT_VERSION}, found {version}; update trcaugment")
    if version < FORMAT_VERSION:
        raise ModelError(
            f"{path}: expected format version {FORMAT_VERSION}, found {version}; train the model's recipe again, or "
            "edit the card as docs/howto/training.md says"
        )


def _check_set(path: Path, stated: tuple[str, tuple[str, ...]], known: Mapping[str, MarkerSet]) -> None:
    """Raise if a card's marker set is unknown, or had other names when the model was trained."""
    name, names = stated
    if name not in known:
        expected = " or ".join(known)
        raise ModelError(f"{path}: expected the marker set {expected}, found {name[:100]!r}; update trcaugment")
    if names != known[name].names:
        raise ModelError(f"{path}: expected the names of the marker set {name} in their order, found other ones")


def find_folder(name_or_folder: str | Path) -> Path:
    """Folder of a model, from the name of a shipped model or from a path.

    Raises:
        ModelError: there is none.
    """
    # The name of a shipped model always means that model, even if the working folder has a folder of that name.
    for folder in (models_folder() / name_or_folder, Path(name_or_folder)):
        try:
            if (folder / CARD_FILE).is_file():
                return folder
        except OSError as error:  # such as a missing permission or a name that is too long
            raise ModelError(f"{name_or_folder}: cannot be read ({error.strerror})") from error
    if Path(name_or_folder).is_dir() and str(name_or_folder):
        raise ModelError(f"{name_or_folder}: expected a model folder with {CARD_FILE} and {WEIGHTS_FILE}, found none")
    known = ", ".join(card.name for card in list_models()) or "none"
    raise ModelError(f"no model '{name_or_folder}': expected a model folder or a shipped model ({known})")


def read_at_most(path: Path, most_bytes: int, what: str) -> bytes:
    """Content of a file.

    Raises:
        ModelError: the file is larger than `most_bytes`.
        OSError: it cannot be read.
    """
    n_bytes = path.stat().st_size
    if n_bytes > most_bytes:
        raise ModelError(
            f"{path}: expected {what} of {most_bytes:,} bytes at most, found {n_bytes:,}; get the folder anew"
        )
    return read_file(path)
