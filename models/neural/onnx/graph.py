"""The graph of a network: its operations, between the names of inputs, weights and outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from models.neural.config import RecurrentConfig

if TYPE_CHECKING:
    from onnx import NodeProto


def graph_nodes(make: Any, config: RecurrentConfig) -> list[NodeProto]:
    """Return the operations, made by `onnx.helper.make_node`: embedding, layers, output layer."""
    layers, vectors = range(config.layers), ("h", "c") if config.kind == "lstm" else ("h",)
    return [
        make("Transpose", ["x"], ["x_by_time"], perm=[1, 0]),
        make("Gather", ["embedding", "x_by_time"], ["in_0"]),
        *(make("Split", [f"{v}0", "ones"], [f"{v}_{i}" for i in layers], axis=0) for v in vectors),
        *(node for i in layers for node in _layer_nodes(make, config, i, vectors)),
        *(make("Concat", [f"{v}_after_{i}" for i in layers], [f"next_{v}0"], axis=0) for v in vectors),
        *([] if "c" in vectors else [make("Identity", ["c0"], ["next_c0"])]),
        make("Squeeze", [f"h_after_{config.layers - 1}", "axis_0"], ["top"]),
        *_output_nodes(make, config),
    ]


def _layer_nodes(make: Any, config: RecurrentConfig, i: int, vectors: tuple[str, ...]) -> list[NodeProto]:
    """Return the operations of layer i, from `in_i` [T, N, I] and its vectors [1, N, H]."""
    no_lengths = ""  # all tokens of each row are read
    inputs = [f"in_{i}", *(f"layers.{i}.{name}" for name in ("weight_ih", "weight_hh", "bias")), no_lengths]
    inputs += [f"{v}_{i}" for v in vectors]
    options: dict[str, Any] = {"hidden_size": config.hidden_size}
    if config.kind == "rnn":
        options["activations"] = [config.nonlinearity.capitalize()]
    if config.kind == "gru":
        options["linear_before_reset"] = 1
    outputs = [f"out_{i}", *(f"{v}_after_{i}" for v in vectors)]
    return [
        make(config.kind.upper(), inputs, outputs, **options),
        make("Squeeze", [f"out_{i}", "axis_1"], [f"in_{i + 1}"]),
    ]


def _output_nodes(make: Any, config: RecurrentConfig) -> list[NodeProto]:
    """Return the operations from hidden vectors [N, H] to log-probabilities [N, V]."""
    nodes, top = [], "top"
    if config.tied and config.embedding_size != config.hidden_size:
        nodes.append(make("Gemm", ["top", "projection"], ["projected"], transB=1))
        top = "projected"
    matrix = "embedding" if config.tied else "output_weight"
    return [
        *nodes,
        make("Gemm", [top, matrix, "output_bias"], ["logits"], transB=1),
        make("LogSoftmax", ["logits"], ["log_softmax"], axis=-1),
    ]
