"""Runs a network in torch on a GPU, and loads networks as torch modules."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import pad

from trcaugment.errors import ModelError
from trcaugment.model.card import find_folder, read_card
from trcaugment.model.engines import Values
from trcaugment.model.network import MarkerNetwork
from trcaugment.model.weights import Weights, not_the_weights, read_weights

# Every batch is padded to this size: matrix products of other sizes may round differently, and a window's prediction
# must not depend on the other windows. Larger batches are no faster.
_BATCH_WINDOWS = 64


class TorchEngine:
    """A network on a device of torch; see `trcaugment.model.engines.Engine`."""

    def __init__(self, network: MarkerNetwork, device: str) -> None:
        """Move a network to a device: "cpu", "cuda" or "mps".

        Raises:
            ModelError: this machine has no such device.
        """
        available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
        if not available[device]:
            raise ModelError(f"this machine has no device '{device}'; use cpu")
        self.network = network.eval().to(device)
        self._device = device

    def run(self, features: Values, output: str) -> Values:
        """As in `Engine`."""
        with torch.inference_mode():
            filled_up = pad(torch.from_numpy(features), (0, 0, 0, 0, 0, -len(features) % _BATCH_WINDOWS))
            parts = [
                self.network.run(batch.to(self._device))._asdict()[output].cpu().numpy()
                for batch in torch.split(filled_up, _BATCH_WINDOWS)
            ]
        return np.concatenate(parts)[: len(features)]


def load_network(name_or_folder: str | Path) -> MarkerNetwork:
    """The network of a model as a torch module on the CPU, ready to predict.

    Raises:
        ModelError: no such model, or a damaged or foreign folder.
    """
    folder = find_folder(name_or_folder)
    card = read_card(folder)
    with torch.device("meta"):  # without weights: drawing them would change the caller's random state
        network = MarkerNetwork(card.sizes, len(card.inputs), len(card.outputs))
    tensors = {name: torch.tensor(array) for name, array in read_weights(folder, card).items()}
    try:
        network.load_state_dict(tensors, strict=True, assign=True)
    except RuntimeError as error:
        raise not_the_weights(folder, error) from error
    return network.eval()


def weights_of(network: MarkerNetwork) -> Weights:
    """The weights of a network as arrays by name."""
    return {name: tensor.cpu().contiguous().numpy() for name, tensor in network.state_dict().items()}
