"""Two simple models to compare networks with, fitted to generated people: mean offsets and a linear map per frame."""

from __future__ import annotations

import torch
from torch import Tensor

from trcaugment.body.detector import KeypointErrors
from trcaugment.body.population import Population
from trcaugment.body.windows import WindowGenerator, make_library
from trcaugment.marker_sets import KEYPOINTS, MarkerSet
from trcaugment.model.card import ALIGNMENT, FORMAT_VERSION, HOP_FRAMES, N_AXES, ORIGIN, Card, NetworkSizes
from trcaugment.model.folder import Model
from trcaugment.model.network import MarkerNetwork
from trcaugment.model.normalization import body_frame, make_features, to_body
from trcaugment.model.torch_engine import TorchEngine

MEAN_OFFSETS, LINEAR_MAP = "mean offsets", "linear map"
_SEED, _N_MOTIONS, _N_WINDOWS = 7, 160, 4096
_EVERY = 5  # frames; neighbouring ones are nearly equal


def make_baselines(marker_set: MarkerSet) -> list[Model]:
    """Fit both baselines to windows with a fixed seed. They are used like any other model."""
    library = make_library([], _N_MOTIONS, _SEED)
    random = torch.Generator().manual_seed(_SEED)
    windows = WindowGenerator(library, Population(), KeypointErrors(), marker_set).draw(_N_WINDOWS, random)
    keypoints, height_m = windows.keypoints.numpy(), windows.height_m.numpy()
    frame = body_frame(keypoints, height_m)
    features, targets = (
        torch.from_numpy(each[:, ::_EVERY]).flatten(0, 1).double()
        for each in (make_features(keypoints, frame, windows.mass_kg.numpy()), to_body(windows.markers.numpy(), frame))
    )
    return fit_baselines(features, targets, marker_set)


def fit_baselines(features: Tensor, targets: Tensor, marker_set: MarkerSet) -> list[Model]:
    """Fit mean offsets and a linear map to samples in the body frame.

    Both are networks that use only their linear path. Mean offsets are a linear map too: each marker is a keypoint plus
    a constant, and the keypoint is the one to which the marker's offset varies least.

    Args:
        features: network input, coordinates in multiples of height, (n_samples, 47).
        targets: marker positions in multiples of height, (n_samples, n_markers, 3).
        marker_set: marker set of the targets.
    """
    offsets, linear = _linear_network(features, targets), _linear_network(features, targets)
    keypoints = features[:, : N_AXES * len(KEYPOINTS)].reshape(len(features), -1, N_AXES)
    # Variance of the offset from each keypoint to each marker, (15, n_markers).
    variance = torch.stack([(targets - place[:, None]).var(dim=0).sum(dim=-1) for place in keypoints.unbind(dim=1)])
    nearest = variance.argmin(dim=0)  # index of the keypoint of each marker
    weight = torch.zeros(len(marker_set), N_AXES, features.shape[1])
    for axis in range(N_AXES):
        weight[torch.arange(len(nearest)), axis, N_AXES * nearest + axis] = 1.0
    path = offsets.linear_path
    assert path is not None
    with torch.no_grad():
        # The linear path reads standardized features, so its bias stays the markers' mean.
        path.weight.copy_(weight.flatten(0, 1) * offsets.deviation)
    return [_model(MEAN_OFFSETS, offsets, marker_set), _model(LINEAR_MAP, linear, marker_set)]


def _linear_network(features: Tensor, targets: Tensor) -> MarkerNetwork:
    """A network that uses only its linear path: the output layer of its LSTM is zero."""
    with torch.random.fork_rng(devices=[]):
        network = MarkerNetwork(NetworkSizes(hidden=1, n_layers=1), len(KEYPOINTS), targets.shape[1])
    network.fit_linear_path(features, targets.flatten(1))
    return network.eval()


def _model(name: str, network: MarkerNetwork, marker_set: MarkerSet) -> Model:
    people = Population()
    card = Card(
        format_version=FORMAT_VERSION,
        name=name,
        description="a baseline",
        created="",
        input_set=KEYPOINTS.name,
        inputs=KEYPOINTS.names,
        output_set=marker_set.name,
        outputs=marker_set.names,
        origin=ORIGIN,
        alignment=ALIGNMENT,
        hop_frames=HOP_FRAMES,
        sizes=network.sizes,
        training_data=("generated windows (trcaugment.body)",),
        height_m=people.height_m,
        body_mass_index=people.body_mass_index,
        validation_mse=float("nan"),
        sha256="",
    )
    return Model(card, TorchEngine(network, "cpu"))
