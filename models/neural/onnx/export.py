"""Export of recurrent models as ONNX: `export_onnx`.

Ids are the tokenizer's public ones. The weights are those of the checkpoint in float32, whatever the service computes
in: others quantize the file as they like.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import InvalidInput
from models.neural.config import RecurrentConfig
from models.neural.model import RecurrentModel
from models.neural.onnx.graph import graph_nodes
from models.neural.onnx.weights import onnx_weights
from models.special_tokens import EOS
from models.utils.arrays import IntArray

OPSET, IR_VERSION = 13, 8
"""Versions of the operators and of the format: those of 2021, which every runtime reads."""
MAX_BYTES = (1 << 31) - (1 << 20)
"""Bytes of weights in one file: protobuf holds two gigabytes, and the graph some of them."""


def export_onnx(model: RecurrentModel, name: str, public_ids: IntArray | None = None) -> bytes:
    """Return the file; `public_ids` [V] are the ids by which others know the tokens, `name` is told in it.

    Raises InvalidInput for a feed-forward network, for weights that fill no file, and without the library `onnx`.
    """
    config = model.architecture
    if config.kind == "feedforward":
        raise InvalidInput("format", "onnx is for recurrent models, and this one is a feed-forward network")
    ids = np.arange(model.vocabulary_size) if public_ids is None else np.asarray(public_ids)
    weights = onnx_weights(config, model.tensors(), ids)
    if sum(array.nbytes for array in weights.values()) > MAX_BYTES:
        raise InvalidInput("format", "onnx holds 2 GB of weights, and this model has more")
    return _serialize(config, weights, _metadata(config, name, ids))


def _metadata(config: RecurrentConfig, name: str, ids: IntArray) -> dict[str, str]:
    boundary = int(ids[EOS])
    return {
        "model_type": "rnnlm",
        "version": "1",
        "model_author": "nextword",
        "comment": f"{name}, {config.kind} with state",
        "sos_id": str(boundary),
        "eos_id": str(boundary),
        "vocab_size": str(int(ids.max()) + 1),
        "num_layers": str(config.layers),
        "hidden_size": str(config.hidden_size),
        "embedding_dim": str(config.embedding_size),
    }


def _serialize(
    config: RecurrentConfig, weights: Mapping[str, NDArray[np.float32]], metadata: Mapping[str, str]
) -> bytes:
    """Build the graph and return it as a file."""
    onnx = _import_onnx()
    helper, floats, ints = onnx.helper, onnx.TensorProto.FLOAT, onnx.TensorProto.INT64
    state = [config.layers, "N", config.hidden_size]
    constants = {"ones": np.ones(config.layers, np.int64), "axis_0": np.array([0]), "axis_1": np.array([1])}
    graph = helper.make_graph(
        graph_nodes(helper.make_node, config),
        "language_model",
        [
            helper.make_tensor_value_info("x", ints, ["N", "T"]),
            *(helper.make_tensor_value_info(name, floats, state) for name in ("h0", "c0")),
        ],
        [
            helper.make_tensor_value_info("log_softmax", floats, ["N", len(weights["output_bias"])]),
            *(helper.make_tensor_value_info(name, floats, state) for name in ("next_h0", "next_c0")),
        ],
        [onnx.numpy_helper.from_array(array, name) for name, array in {**constants, **weights}.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    helper.set_model_props(model, dict(metadata))
    content: bytes = model.SerializeToString()
    return content


def _import_onnx() -> Any:
    """Return the library. Raises InvalidInput where it is not installed."""
    try:
        return import_module("onnx")
    except ImportError:
        message = "onnx needs the library of that name: install the extra `onnx` (pip install 'nextword[onnx]')"
        raise InvalidInput("format", message) from None
