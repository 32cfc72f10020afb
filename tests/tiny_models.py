"""A network with random weights and the card of a model that holds it."""

import torch

from trcaugment.marker_sets import ANATOMICAL_MARKERS, KEYPOINTS
from trcaugment.model.card import ALIGNMENT, FORMAT_VERSION, ORIGIN, Card, NetworkSizes
from trcaugment.model.network import MarkerNetwork

SIZES = NetworkSizes(hidden=6, n_layers=2)
CARD = Card(
    format_version=FORMAT_VERSION,
    name="tiny",
    description="random weights",
    created="2026-01-01",
    input_set=KEYPOINTS.name,
    inputs=KEYPOINTS.names,
    output_set=ANATOMICAL_MARKERS.name,
    outputs=ANATOMICAL_MARKERS.names,
    origin=ORIGIN,
    alignment=ALIGNMENT,
    hop_frames=5,
    sizes=SIZES,
    training_data=("none",),
    height_m=(1.4, 2.0),
    body_mass_index=(15.0, 40.0),
    validation_mse=1.0,
    sha256="",
)


def random_network(sizes=SIZES):
    torch.manual_seed(0)
    network = MarkerNetwork(sizes, 15, 35)
    with torch.no_grad():
        for tensor in network.state_dict().values():
            tensor.normal_(0, 0.3)
        network.deviation.abs_().add_(0.5)
    return network.eval()
