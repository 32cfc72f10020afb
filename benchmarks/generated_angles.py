"""How joint angles of generated people follow from the errors of predicted markers; used by other benchmarks.

Inverse kinematics moves the coordinates by (J' W J)^-1 J' W e for small errors e of the markers, where J are the
derivatives of the markers' positions and W the weights (Gauss-Newton step of the weighted least squares that OpenSim
solves). That needs no run of OpenSim; what the scaling of the model adds, people of laboratories show.
"""

from __future__ import annotations

from dataclasses import fields
from typing import NamedTuple

import numpy as np
import torch

from trcaugment.body.detector import KeypointErrors, disturb
from trcaugment.body.kinematics import BodySizes, forward_kinematics
from trcaugment.body.motions import perturb
from trcaugment.body.population import Population
from trcaugment.body.skeleton import COORDINATES, POINT_INDEX
from trcaugment.body.windows import WindowGenerator, make_library
from trcaugment.chain.blending import predict_windows
from trcaugment.marker_sets import ANATOMICAL_MARKERS, KEYPOINTS
from trcaugment.markers import WINDOW_FRAMES, FloatArray
from trcaugment.model.folder import Model
from trcaugment.model.normalization import body_frame, make_features
from trcaugment.model.uncertainty import ANGLES
from trcaugment.osim.tasks import default_weight

SEED, N_PEOPLE, N_WINDOWS = 41, 200, 5
FRAMES = (4, 15, 26)
_STEP = 1e-4  # rad or m
_NOT_SHOWN = ("arm_", "elbow", "pro_sup", "wrist", "mtp")  # coordinates that no predicted marker shows
_TINY = 1e-9


class AngleErrors(NamedTuple):
    """Errors of generated people, true minus predicted in degrees.

    Attributes:
        constant_deg: mean error of every person, (n_people, n_angles).
        moving_deg: the rest, (n_people, n_samples, n_angles).
    """

    constant_deg: FloatArray
    moving_deg: FloatArray


class Response(NamedTuple):
    """What inverse kinematics needs to know of generated frames.

    Attributes:
        derivatives: of the markers' coordinates, (n_windows, n_frames, 3 n_markers, n_coordinates).
        error_m: true minus predicted in the lab, (n_windows, n_frames, 3 n_markers).
        columns: of `ANGLES` among the coordinates, (n_angles,).
        constant_m2: stated variance of the constant part of markers, (n_windows, 1, n_markers).
        moving_m2: stated variance of the moving part, (n_windows, n_frames, n_markers).
    """

    derivatives: FloatArray
    error_m: FloatArray
    columns: list[int]
    constant_m2: FloatArray
    moving_m2: FloatArray

    def by_frame(self) -> FloatArray:
        """Weights by the uncertainty of every frame, (n_windows, n_frames, n_markers)."""
        return 1 / (self.constant_m2 + self.moving_m2)

    def by_uncertainty(self) -> FloatArray:
        """Weights by the usual uncertainty, (n_markers,)."""
        return 1 / (self.constant_m2 + self.moving_m2).mean(axis=(0, 1))

    def errors(self, weights: FloatArray) -> AngleErrors:
        """Errors of angles with these weights of markers, (n_markers,) or (n_windows, n_frames, n_markers)."""
        weighted = self.derivatives * np.repeat(weights, 3, axis=-1)[..., None]
        left = np.einsum("...ik,...il->...kl", weighted, self.derivatives)
        right = np.einsum("...ik,...i->...k", weighted, self.error_m)
        solved = np.linalg.solve(left + _TINY * np.eye(left.shape[-1]), right[..., None])[..., 0]
        angles = np.degrees(solved[..., self.columns]).reshape(-1, N_WINDOWS * len(FRAMES), len(self.columns))
        constant = angles.mean(axis=1)
        return AngleErrors(constant, angles - constant[:, None])


def draw_response(model: Model, n_people: int = N_PEOPLE, seed: int = SEED) -> Response:
    """Generated people with several windows each, predicted by a model."""
    generator = torch.Generator().manual_seed(seed)
    drawn = WindowGenerator(make_library([], 200, seed), Population(), KeypointErrors())
    people = drawn.draw_people(n_people, generator).select(torch.arange(n_people).repeat_interleave(N_WINDOWS))
    motions = drawn.library.choose(n_people * N_WINDOWS, generator)
    coordinates = perturb(drawn.library.play(motions, WINDOW_FRAMES, generator), generator)
    points = [POINT_INDEX[name] for name in (*KEYPOINTS, *ANATOMICAL_MARKERS)]
    places, true = forward_kinematics(people, coordinates, points).tensor_split([len(KEYPOINTS)], dim=2)
    seen = disturb(drawn.errors, places, generator)
    keypoints, height_m, mass_kg = (each.double().numpy() for each in (seen, people.height_m, people.mass_kg))
    predicted = predict_windows(keypoints, height_m, mass_kg, model)
    error_m = (true.double().numpy() - predicted)[:, FRAMES].reshape(len(predicted), len(FRAMES), -1)
    names = [each.name for each in COORDINATES]
    shown = [name for name in names if not name.startswith(_NOT_SHOWN)]
    derivatives = _derivatives(
        people, coordinates[:, FRAMES], points[len(KEYPOINTS) :], [names.index(n) for n in shown]
    )
    known = model.uncertainty
    n_markers = len(ANATOMICAL_MARKERS)
    constant_m2, moving_m2 = (np.ones((*derivatives.shape[:2], n_markers)) for _ in range(2))
    if known is not None:
        features = make_features(keypoints, body_frame(keypoints, height_m), mass_kg)
        log_moving = known.log_moving(features, model.card.keypoints, model.card.markers)[:, FRAMES]
        each_m = height_m[:, None, None, None]
        constant_m2, moving_m2 = (
            ((of_height * each_m) ** 2).sum(axis=-1) for of_height in (known.constant, np.exp(log_moving))
        )
    columns = [shown.index(name) for name in ANGLES]
    return Response(derivatives, error_m, columns, constant_m2, moving_m2)


def _derivatives(people: BodySizes, coordinates: torch.Tensor, points: list[int], which: list[int]) -> FloatArray:
    """Central differences with respect to some coordinates, (n_windows, n_frames, 3 n_points, len(which))."""
    exact = BodySizes(**{field.name: getattr(people, field.name).double() for field in fields(people)})
    columns = []
    for k in which:
        step = torch.zeros(coordinates.shape[-1], dtype=torch.float64)
        step[k] = _STEP
        ahead, behind = (forward_kinematics(exact, coordinates.double() + by, points) for by in (step, -step))
        columns.append((ahead - behind).flatten(-2) / (2 * _STEP))
    return torch.stack(columns, dim=-1).numpy()


def usual_weights() -> FloatArray:
    """Weights of markers in `osim ik`, (n_markers,)."""
    return np.array([default_weight(name) for name in ANATOMICAL_MARKERS])
