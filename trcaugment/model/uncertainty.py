"""How far predicted markers, and joint angles from them, may be from the true ones: two standard deviations each.

The constant part is the same in all trials of a person: anatomy and marker placement, which no keypoint shows. It is a
table in multiples of the person's height. The moving part changes from frame to frame with the posture and with how
much the keypoints shake; a small network of its own maps these to a standard deviation. Both are along the axes of the
marker's segment (`trcaugment.evaluation.budget`). Joint angles have a table of both parts.
`benchmarks/make_uncertainty.py` makes the file of a model.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save as save_arrays

from trcaugment.errors import ModelError
from trcaugment.marker_sets import ANATOMICAL_MARKERS, MarkerSet
from trcaugment.markers import FloatArray
from trcaugment.model.card import N_AXES, UNCERTAINTY_FILE, Card
from trcaugment.model.normalization import mirror
from trcaugment.model.weights import read_vouched

AXES = ("forward", "up", "outward")  # of the marker's segment; outward of a marker in the middle is to the right
# Coordinates of the shipped model that predicted markers show.
ANGLES = (
    *("pelvis_tilt", "pelvis_list", "pelvis_rotation", "lumbar_extension", "lumbar_bending", "lumbar_rotation"),
    *(
        f"{name}_{side}"
        for side in "rl"
        for name in ("hip_flexion", "hip_adduction", "hip_rotation", "knee_angle", "ankle_angle", "subtalar_angle")
    ),
)
_MOST_BYTES = 5_000_000
_LEAST_SHAKING = 1e-5  # in multiples of height; below it, keypoints are smoother than any detector's
_FARTHEST = 5.0  # standard deviations; beyond the training data the network would only extrapolate


@dataclass(frozen=True, eq=False)
class Uncertainty:
    """Standard deviations of a model's errors.

    Attributes:
        constant: of the part that is constant for a person, along `AXES` in multiples of height, (n_markers, 3).
        usual_moving_m: root mean square of the moving part in generated people, (n_markers, 3).
        angles_deg: constant and moving part of each of `ANGLES`, the latter for the usual moving part of markers,
            (n_angles, 2); no rows for a model of the arms.
        mean: mean of the inputs of the network for the moving part, (n_inputs,).
        deviation: their standard deviation, (n_inputs,).
        first_weight: first layer, (n_hidden, n_inputs).
        first_bias: (n_hidden,).
        last_weight: last layer, (3 n_markers, n_hidden).
        last_bias: (3 n_markers,).
    """

    constant: FloatArray
    usual_moving_m: FloatArray
    angles_deg: FloatArray
    mean: FloatArray
    deviation: FloatArray
    first_weight: FloatArray
    first_bias: FloatArray
    last_weight: FloatArray
    last_bias: FloatArray

    def log_moving(self, features: FloatArray, keypoints: MarkerSet, markers: MarkerSet) -> FloatArray:
        """Logarithm of the moving part in multiples of height; the mean over a window and its mirror image.

        Args:
            features: of `trcaugment.model.normalization.make_features`, (n_windows, n_frames, n_features).
            keypoints: the model's input set.
            markers: the model's output set.

        Returns:
            Along `AXES` of every marker, (n_windows, n_frames, n_markers, 3).
        """
        inputs = posture_and_shaking(features, keypoints)
        mirrored = posture_and_shaking(mirror(features, keypoints), keypoints)
        swapped = self._run(mirrored)[..., markers.mirror_order, :]
        return np.asarray((self._run(inputs) + swapped) / 2)

    def _run(self, inputs: FloatArray) -> FloatArray:
        scaled = np.clip((inputs - self.mean) / self.deviation, -_FARTHEST, _FARTHEST)
        hidden = np.maximum(scaled @ self.first_weight.T + self.first_bias, 0.0)
        return np.asarray((hidden @ self.last_weight.T + self.last_bias).reshape(*inputs.shape[:-1], -1, N_AXES))


def posture_and_shaking(features: FloatArray, keypoints: MarkerSet) -> FloatArray:
    """Inputs of the network for the moving part.

    Args:
        features: keypoints in the body frame in multiples of height, height and mass, (n_windows, n_frames,
            n_features).
        keypoints: the set of these keypoints.

    Returns:
        The features, and for every keypoint the logarithm of the root mean square second difference over the window,
        (n_windows, n_frames, n_features + n_keypoints).
    """
    places = features[..., : N_AXES * len(keypoints)].reshape(*features.shape[:2], -1, N_AXES)
    second = places[:, 2:] - 2 * places[:, 1:-1] + places[:, :-2]
    shaking = np.log(np.maximum(np.sqrt(np.square(second).mean(axis=(1, 3))), _LEAST_SHAKING))
    of_frames = np.broadcast_to(shaking[:, None], (*features.shape[:2], len(keypoints)))
    return np.concatenate([features, of_frames], axis=-1)


def read_uncertainty(folder: Path, card: Card) -> Uncertainty | None:
    """The uncertainty of a model; None if its card names none.

    Raises:
        ModelError: the file is missing, damaged, or of another model.
    """
    if card.uncertainty_sha256 is None:
        return None
    path = folder / UNCERTAINTY_FILE
    content = read_vouched(path, card.uncertainty_sha256, _MOST_BYTES, "uncertainty of the model,")
    try:
        arrays = load_arrays(content)
        return _checked(Uncertainty(**{name: array.astype(np.float64) for name, array in arrays.items()}), card)
    except (SafetensorError, TypeError, ValueError) as error:
        raise ModelError(f"{path}: not the uncertainty of this model ({str(error)[:200]})") from error


def _checked(made: Uncertainty, card: Card) -> Uncertainty:
    """The same if its shapes fit the model.

    Raises:
        ValueError: they do not, or a value is no number.
    """
    n_angles = len(ANGLES) if card.markers is ANATOMICAL_MARKERS else 0
    n_inputs, n_hidden = (N_AXES + 1) * len(card.inputs) + 2, len(made.first_bias)
    expected = {
        "constant": (len(card.outputs), N_AXES),
        "usual_moving_m": (len(card.outputs), N_AXES),
        "angles_deg": (n_angles, 2),
        "mean": (n_inputs,),
        "deviation": (n_inputs,),
        "first_weight": (n_hidden, n_inputs),
        "last_weight": (N_AXES * len(card.outputs), n_hidden),
        "last_bias": (N_AXES * len(card.outputs),),
    }
    for name, shape in expected.items():
        array = getattr(made, name)
        if array.shape != shape or not np.isfinite(array).all():
            raise ValueError(f"expected {name} with {shape} numbers, found {array.shape}")
    return made


def write_uncertainty(folder: Path, made: Uncertainty) -> str:
    """Write the file into a model folder; returns its SHA-256, for the card."""
    content = save_arrays({name: array.astype(np.float32) for name, array in vars(made).items()})
    (folder / UNCERTAINTY_FILE).write_bytes(content)
    return hashlib.sha256(content).hexdigest()
