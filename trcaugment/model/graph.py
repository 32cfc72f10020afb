"""The network as an ONNX graph, made from its weights without torch.

The graph computes what `MarkerNetwork` computes (tests/test_graph.py compares them). ONNX operators are defined at
https://onnx.ai/onnx/operators. Inside, frames are the first axis, as the LSTM operator wants it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from trcaugment.errors import ModelError
from trcaugment.model.card import N_AXES, N_HEADS, N_PERSON_FEATURES, Card, NetworkSizes
from trcaugment.model.weights import Weights

# Names of the input, and of the outputs, which are those of `trcaugment.model.network.Prediction`.
FEATURES, MARKERS, LOG_SPREAD, ATTENTION = "features", "markers", "log_spread", "attention"
_OPSET, _IR_VERSION = 17, 8  # of 2022: ONNX Runtime 1.13 or later reads the graph
_GATES = (
    0,
    3,
    1,
    2,
)  # torch stacks an LSTM's gates as input, forget, cell, output; ONNX as input, output, forget, cell
_HIGHEST = 2**63 - 1  # end of a slice that goes to the end


def make_graph(card: Card, weights: Weights) -> bytes:
    """The content of an ONNX file for the network that a card describes.

    The input is `features`, (windows, frames, features). The outputs are `markers`, (windows, frames, 3 per marker),
    `attention`, (windows, frames, keypoints), and, of a network with spread, `log_spread`, shaped as `markers`.

    Args:
        card: card of the model; its checksum of the weights is noted in the graph.
        weights: the network's tensors by name.

    Raises:
        ModelError: they are not the weights of this network.
    """
    builder = _Builder(weights)
    outputs = _build(builder, card.sizes, len(card.inputs), len(card.outputs))
    builder.check_all_used()
    return builder.serialize(card, outputs)


def facts(card: Card) -> dict[str, str]:
    """Metadata of a graph: what it was made from, and the order of what it reads and writes."""
    usual = msgspec.structs.asdict(NetworkSizes())
    # Without the usual ones, so that graphs stay valid when sizes get another field.
    sizes = {name: value for name, value in msgspec.structs.asdict(card.sizes).items() if value != usual[name]}
    return {
        "weights_sha256": card.sha256,
        "inputs": " ".join(card.inputs),
        "outputs": " ".join(card.outputs),
        "mirrored_inputs": " ".join(map(str, card.keypoints.mirror_order)),
        "mirrored_outputs": " ".join(map(str, card.markers.mirror_order)),
        "sizes": msgspec.json.encode(sizes, order="sorted").decode(),
    }


def _build(b: _Builder, sizes: NetworkSizes, n_keypoints: int, n_markers: int) -> dict[str, int]:
    """Add all nodes; returns the outputs and their number of values per frame."""
    n_coordinates, n_targets = N_AXES * n_keypoints, N_AXES * n_markers
    n_features, n_states = n_coordinates + N_PERSON_FEATURES, sizes.n_states
    by_frame = b.node("Transpose", FEATURES, perm=[1, 0, 2])
    centered = b.node("Sub", by_frame, b.weight("mean", n_features))
    standardized = b.node("Div", centered, b.weight("deviation", n_features))
    if sizes.spatial_attention:
        read = _lstm(b, "reader", standardized, (n_features, sizes, 1))
        scores = b.node("Tanh", _linear(b, "score", read, (n_states, n_keypoints)))
        attention = b.node("Softmax", scores, axis=-1)
    else:
        some = b.node("Slice", standardized, b.ints(0), b.ints(n_keypoints), b.ints(2))
        attention = b.node("Add", b.node("Mul", some, b.floats(0.0)), b.floats(1 / n_keypoints))
    per_feature = b.node("Mul", _per_axis(b, attention, n_keypoints), b.floats(float(n_keypoints)))
    coordinates = b.node("Slice", standardized, b.ints(0), b.ints(n_coordinates), b.ints(2))
    person = b.node("Slice", standardized, b.ints(n_coordinates), b.ints(_HIGHEST), b.ints(2))
    weighted = b.node("Concat", b.node("Mul", coordinates, per_feature), person, axis=-1)
    hidden = _temporal(b, sizes, _lstm(b, "lstm", weighted, (n_features, sizes, sizes.n_layers)))
    markers = _linear(b, "output", hidden, (n_states, n_targets))
    if sizes.linear_path:
        markers = b.node("Add", markers, _linear(b, "linear_path", standardized, (n_features, n_targets)))
    values = {MARKERS: (markers, n_targets), ATTENTION: (attention, n_keypoints)}
    if sizes.spread:
        values[LOG_SPREAD] = (_linear(b, "spread", hidden, (n_states, n_targets)), n_targets)
    for name, (value, _) in values.items():
        b.node("Transpose", value, output=name, perm=[1, 0, 2])
    return {name: width for name, (_, width) in values.items()}


def _per_axis(b: _Builder, per_keypoint: str, n_keypoints: int) -> str:
    """Repeat the value of each keypoint for its x, y and z."""
    return b.node("Gather", per_keypoint, b.ints(*(k for k in range(n_keypoints) for _ in range(N_AXES))), axis=2)


def _linear(b: _Builder, name: str, value: str, shape: tuple[int, int]) -> str:
    n_in, n_out = shape
    weight = b.constant(b.take(f"{name}.weight", n_out, n_in).T)
    return b.node("Add", b.node("MatMul", value, weight), b.weight(f"{name}.bias", n_out))


def _lstm(b: _Builder, name: str, value: str, shape: tuple[int, NetworkSizes, int]) -> str:
    """LSTM layers from (n_frames, n_windows, n_in) to (n_frames, n_windows, n_states)."""
    n_in, sizes, n_layers = shape
    ends = ("", "_reverse") if sizes.bidirectional else ("",)
    n = sizes.hidden
    for layer in range(n_layers):
        width = n_in if layer == 0 else sizes.n_states
        stacks: list[list[NDArray[np.float32]]] = [[], [], []]
        for end in ends:
            kinds = (("ih", (4 * n, width)), ("hh", (4 * n, n)))
            matrices = [b.take(f"{name}.weight_{kind}_l{layer}{end}", *size) for kind, size in kinds]
            biases = [b.take(f"{name}.bias_{kind}_l{layer}{end}", 4 * n) for kind, _ in kinds]
            of_end = [*map(_in_onnx_order, matrices), np.concatenate([_in_onnx_order(each) for each in biases])]
            for stack, array in zip(stacks, of_end, strict=True):
                stack.append(array)
        direction = "bidirectional" if sizes.bidirectional else "forward"
        inputs = [b.constant(np.stack(stack)) for stack in stacks]
        ran = b.node("LSTM", value, *inputs, hidden_size=n, direction=direction)  # (n_frames, n_ends, n_windows, n)
        together = b.node("Transpose", ran, perm=[0, 2, 1, 3])
        value = b.node("Reshape", together, b.ints(0, 0, sizes.n_states))
    return value


def _in_onnx_order(stacked: NDArray[np.float32]) -> NDArray[np.float32]:
    """The gates of an LSTM, stacked along the first axis, in ONNX's order."""
    gates = np.split(stacked, 4)
    return np.concatenate([gates[k] for k in _GATES])


def _temporal(b: _Builder, sizes: NetworkSizes, hidden: str) -> str:
    if sizes.temporal_attention == "none":
        return hidden
    n_states = sizes.n_states
    if sizes.temporal_attention == "frames":
        scores = b.node("Tanh", _linear(b, "temporal.score", hidden, (n_states, 1)))
        n_frames = b.node("Cast", b.node("Shape", hidden, start=0, end=1), to=1)  # 1 is float32
        return b.node("Mul", b.node("Mul", hidden, b.node("Softmax", scores, axis=0)), n_frames)
    # Self-attention (Vaswani et al., 2017, eq. 1), with windows and heads as the first axes.
    n_heads = math.gcd(n_states, N_HEADS)
    stacked = b.take("temporal.heads.in_proj_weight", 3 * n_states, n_states)
    biases = b.take("temporal.heads.in_proj_bias", 3 * n_states)
    parts = []
    for weight, bias, perm in zip(
        np.split(stacked, 3), np.split(biases, 3), ([1, 2, 0, 3], [1, 2, 3, 0], [1, 2, 0, 3]), strict=True
    ):
        projected = b.node("Add", b.node("MatMul", hidden, b.constant(weight.T)), b.constant(bias))
        split = b.node("Reshape", projected, b.ints(0, 0, n_heads, n_states // n_heads))
        parts.append(b.node("Transpose", split, perm=perm))
    query, key, value = parts
    scores = b.node("Mul", b.node("MatMul", query, key), b.floats(1 / math.sqrt(n_states // n_heads)))
    attended = b.node("MatMul", b.node("Softmax", scores, axis=-1), value)  # (n_windows, n_heads, n_frames, size)
    joined = b.node("Reshape", b.node("Transpose", attended, perm=[2, 0, 1, 3]), b.ints(0, 0, n_states))
    return b.node("Add", hidden, _linear(b, "temporal.heads.out_proj", joined, (n_states, n_states)))


class _Builder:
    """Collects the nodes and constants of a graph, and takes every weight once."""

    def __init__(self, weights: Weights) -> None:
        self._weights = dict(weights)
        self._nodes: list[Any] = []
        self._constants: list[Any] = []

    def take(self, name: str, *shape: int) -> NDArray[np.float32]:
        """A weight of this shape."""
        if name not in self._weights:
            raise ModelError(f"expected {name} among the weights, found none")
        array = self._weights.pop(name)
        if array.shape != shape:
            raise ModelError(f"expected {name} of shape {shape}, found {array.shape}")
        return array

    def weight(self, name: str, *shape: int) -> str:
        """A weight as it is."""
        return self.constant(self.take(name, *shape))

    def ints(self, *values: int) -> str:
        """A vector of integers."""
        return self.constant(np.array(values, dtype=np.int64))

    def floats(self, *values: float) -> str:
        """A vector of numbers."""
        return self.constant(np.array(values, dtype=np.float32))

    def constant(self, array: NDArray[Any]) -> str:
        """Add a constant; returns its name."""
        from onnx import numpy_helper

        name = f"c{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def node(self, kind: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        """Add an operator; returns the name of its first output."""
        from onnx import helper

        name = output or f"n{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def check_all_used(self) -> None:
        """Raise if there are weights that the network does not have."""
        if self._weights:
            raise ModelError(f"expected no weights but those of the network, found {', '.join(self._weights)}")

    def serialize(self, card: Card, outputs: Mapping[str, int]) -> bytes:
        """The graph as the content of a file."""
        from onnx import helper

        n_features = N_AXES * len(card.inputs) + N_PERSON_FEATURES
        graph = helper.make_graph(
            self._nodes,
            "trcaugment",
            [_described(FEATURES, n_features)],
            [_described(name, width) for name, width in outputs.items()],
            self._constants,
        )
        opset = [helper.make_opsetid("", _OPSET)]
        model = helper.make_model(graph, opset_imports=opset, ir_version=_IR_VERSION, producer_name="trcaugment")
        helper.set_model_props(model, facts(card))
        content: bytes = model.SerializeToString(deterministic=True)
        return content


def _described(name: str, width: int) -> Any:
    from onnx import TensorProto, helper

    dimensions: Sequence[str | int] = ("windows", "frames", width)
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, dimensions)
