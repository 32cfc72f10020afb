"""What runs a network: ONNX Runtime on a CPU (here), torch on a GPU (`trcaugment.model.torch_engine`)."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as failures

from trcaugment.errors import ModelError
from trcaugment.model.card import GRAPH_FILE, N_AXES, N_PERSON_FEATURES, Card
from trcaugment.model.graph import ATTENTION, FEATURES, LOG_SPREAD, MARKERS, facts, make_graph
from trcaugment.model.weights import not_the_weights, read_vouched, read_weights

Values = NDArray[np.float32]

_GRAPH_BYTES = 1_000_000_000
_CANNOT_LOAD = (
    *(failures.Fail, failures.InvalidArgument, failures.InvalidGraph, failures.InvalidProtobuf),
    *(failures.NotImplemented, failures.RuntimeException),
)
_BATCH_WINDOWS = 32  # at once: what they need stays near the processor, which saves a twentieth


class Engine(Protocol):
    """Runs a network."""

    def run(self, features: Values, output: str) -> Values:
        """An output of the network.

        Args:
            features: (n_windows, n_frames, n_features).
            output: which, as `trcaugment.model.graph` names them; the others are not computed.

        Returns:
            (n_windows, n_frames, n_values).
        """


class OnnxEngine:
    """ONNX Runtime on one thread: on a busy machine several wait for each other."""

    def __init__(self, graph: bytes, card: Card) -> None:
        """Load a graph.

        Raises:
            ModelError: it is no graph of the card's network.
        """
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4  # errors are raised
        try:
            self._session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        except _CANNOT_LOAD as error:
            raise ModelError(f"{GRAPH_FILE} is no graph that ONNX Runtime can read ({_first_line(error)})") from error
        self._check(card)
        self._run_options = onnxruntime.RunOptions()
        self._run_options.only_execute_path_to_fetches = True
        self._run_options.log_severity_level = 4

    def run(self, features: Values, output: str) -> Values:
        """As in `Engine`. A window's values are the same to the last bit, whichever windows go with it."""
        parts = [
            self._session.run([output], {FEATURES: features[first : first + _BATCH_WINDOWS]}, self._run_options)[0]
            for first in range(0, len(features), _BATCH_WINDOWS)
        ]
        return np.concatenate(parts)

    def _check(self, card: Card) -> None:
        """Raise if the graph was made from other weights, or reads or writes something else than the card says."""
        session = self._session
        stated = session.get_modelmeta().custom_metadata_map
        other = [name for name, fact in facts(card).items() if stated.get(name) != fact]
        if other:
            raise ModelError(
                f"{GRAPH_FILE} was not made from this card and its weights: it has other {' and '.join(other)}; make "
                "it anew with trcaugment export"
            )
        described = {each.name: each.shape[-1] for each in (*session.get_inputs(), *session.get_outputs())}
        n_targets = N_AXES * len(card.outputs)
        n_features = N_AXES * len(card.inputs) + N_PERSON_FEATURES
        expected = {FEATURES: n_features, MARKERS: n_targets, ATTENTION: len(card.inputs)}
        expected |= {LOG_SPREAD: n_targets} if card.sizes.spread else {}
        if described != expected:
            raise ModelError(f"{GRAPH_FILE}: expected {expected} values per frame, found {described}")


def load_onnx(folder: Path, card: Card) -> OnnxEngine:
    """Load the graph of a model folder; if it has none, make one from the weights.

    Raises:
        ModelError: graph or weights are missing, damaged, or do not fit the card.
    """
    if card.graph_sha256 is None:
        return OnnxEngine(graph_of(folder, card), card)
    path = folder / GRAPH_FILE
    graph = read_vouched(path, card.graph_sha256, _GRAPH_BYTES, "graph of the network that the card describes,")
    try:
        return OnnxEngine(graph, card)
    except ModelError as error:
        raise ModelError(f"{folder}: {error}") from error


def graph_of(folder: Path, card: Card) -> bytes:
    """The graph of a model folder, made from its weights.

    Raises:
        ModelError: the weights are missing, damaged, or not those of the network that the card describes.
    """
    weights = read_weights(folder, card)
    try:
        return make_graph(card, weights)
    except ModelError as error:
        raise not_the_weights(folder, error) from error


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0][:200] if str(error) else type(error).__name__
