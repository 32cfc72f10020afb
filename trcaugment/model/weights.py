"""The weights of a model as NumPy arrays, checked against the card. Nothing is unpickled."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load

from trcaugment.errors import ModelError
from trcaugment.model.card import N_AXES, N_PERSON_FEATURES, WEIGHTS_FILE, Card, read_at_most

Weights = Mapping[str, NDArray[np.float32]]

_HEADER_BYTES = 1_000_000  # names and shapes, in front of the weights


def read_weights(folder: Path, card: Card) -> Weights:
    """Tensors of a model folder by name. Whether they are all, and of the right shapes, is checked where they are used.

    Raises:
        ModelError: the file is missing, damaged, or not the one that the card describes.
    """
    path = folder / WEIGHTS_FILE
    content = read_vouched(path, card.sha256, _most_bytes(card), "weights of the network that the card describes,")
    try:
        tensors = load(content)
    except (SafetensorError, KeyError, TypeError, ValueError) as error:  # the last ones if NumPy lacks the data type
        raise not_the_weights(folder, error) from error
    other = [f"{name} ({array.dtype})" for name, array in tensors.items() if array.dtype != np.float32]
    if other:
        raise ModelError(f"{path}: weights must be float32, found {', '.join(other[:3])}")
    bad = [name for name, array in tensors.items() if not np.isfinite(array).all()]
    if bad:
        raise ModelError(f"{path}: weights must be numbers, found NaN or infinity in {', '.join(bad)}")
    deviation = tensors.get("deviation", np.ones(1))
    if not (deviation > 0).all():
        raise ModelError(f"{path}: the features' deviations must be above 0, found {deviation.min():g}")
    return tensors


def read_vouched(path: Path, sha256: str, most_bytes: int, what: str) -> bytes:
    """Content of a file of a model, of which the card has the SHA-256.

    Raises:
        ModelError: the file is missing, too large, or another one.
    """
    try:
        content = read_at_most(path, most_bytes, what)
    except OSError as error:
        raise ModelError(
            f"{path}: expected the {what.split()[0]} of the model, cannot read it ({error.strerror})"
        ) from error
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise ModelError(f"{path}: SHA-256 is {found[:12]}…, the card says {sha256[:12]}…; get the folder anew")
    return content


def not_the_weights(folder: Path, error: Exception) -> ModelError:
    """The error of weights that do not fit the card, with the reason in one line."""
    reason = str(error).splitlines()[-1].strip()[:200]
    return ModelError(f"{folder / WEIGHTS_FILE}: not the weights of the network that the card describes ({reason})")


def _most_bytes(card: Card) -> int:
    """More than the weights of this network take."""
    sizes = card.sizes
    n_features, n_targets = N_AXES * len(card.inputs) + N_PERSON_FEATURES, N_AXES * len(card.outputs)
    widest = max(n_features, sizes.n_states) + 1
    of_lstm = 8 * sizes.hidden * (widest + sizes.hidden + 1)  # of one layer: four gates, two directions
    others = widest * (4 * widest + 4 * n_targets + len(card.inputs) + 3)
    return 4 * ((sizes.n_layers + 1) * of_lstm + others) + _HEADER_BYTES
