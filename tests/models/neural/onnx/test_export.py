"""ONNX files of recurrent models, run by onnxruntime: the numbers of our own networks."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from models.errors import InvalidInput
from models.model import Floats
from models.neural.config import RecurrentConfig
from models.neural.int8.model import Int8Model
from models.neural.model import RecurrentModel, as_arrays
from models.neural.network import Network
from models.neural.onnx import export
from models.neural.onnx.export import export_onnx
from models.special_tokens import EOS
from models.state import State
from models.utils.arrays import IntArray
from tests.helpers.language_models import arrays

V = 23
LSTM = RecurrentConfig("lstm", layers=2, embedding_size=6, hidden_size=5)
CONFIGS = {
    "lstm": LSTM,
    "deep lstm, half precision": replace(LSTM, layers=3, storage="float16"),
    "gru": RecurrentConfig("gru", layers=2, embedding_size=7, hidden_size=7),
    "untied gru": RecurrentConfig("gru", layers=1, embedding_size=4, hidden_size=6, tied=False),
    "rnn": RecurrentConfig("rnn", layers=2, embedding_size=6, hidden_size=6),
    "relu": RecurrentConfig("rnn", "relu", layers=1, embedding_size=3, hidden_size=6),
}


def model_of(config: RecurrentConfig, family: type[RecurrentModel] = RecurrentModel) -> RecurrentModel:
    torch.manual_seed(1)
    network = Network(config, V)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    return family(config, arrays(network), V)


class Session:
    """A file in onnxruntime, asked as sherpa-onnx asks it."""

    def __init__(self, content: bytes) -> None:
        self._session = onnxruntime.InferenceSession(content)
        self.metadata: dict[str, str] = self._session.get_modelmeta().custom_metadata_map

    def null_state(self, rows: int) -> tuple[Floats, Floats]:
        shape = int(self.metadata["num_layers"]), rows, int(self.metadata["hidden_size"])
        return np.zeros(shape, np.float32), np.zeros(shape, np.float32)

    def read(self, tokens: IntArray, state: tuple[Floats, Floats]) -> tuple[Floats, tuple[Floats, Floats]]:
        inputs = dict(zip(("x", "h0", "c0"), (np.asarray(tokens, np.int64), *state), strict=True))
        logprobs, *after = self._session.run(["log_softmax", "next_h0", "next_c0"], inputs)
        return logprobs, (after[0], after[1])


def by_layer(state: State) -> list[Floats]:
    return [vectors.transpose(1, 0, 2) for vectors in as_arrays(state)]


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_export_onnx_gives_the_distributions_and_vectors_of_the_model(config: RecurrentConfig) -> None:
    model = model_of(config)
    content = export_onnx(model, "demo@1")
    onnx.checker.check_model(onnx.load_from_string(content), full_check=True)
    session = Session(content)
    tokens = np.random.default_rng(0).integers(0, V, (3, 9))
    tokens[:, 0] = EOS
    ours, theirs = model.null_state(3), session.null_state(3)
    for column in tokens.T:
        ours = model.advance(ours, column[:, None])
        logprobs, theirs = session.read(column[:, None], theirs)
        assert logprobs == pytest.approx(model.logprobs(ours), rel=1e-6, abs=1e-5)
        for expected, found in zip(by_layer(ours), theirs, strict=False):
            assert found == pytest.approx(expected, rel=1e-6, abs=1e-5)
    at_once, after = session.read(tokens, session.null_state(3))
    assert at_once == pytest.approx(logprobs, abs=1e-5)
    assert after[0] == pytest.approx(theirs[0], abs=1e-5)


def test_export_onnx_begins_as_the_model_does_where_sherpa_begins() -> None:
    model = model_of(LSTM)
    session = Session(export_onnx(model, "demo@1"))
    sos = np.array([[int(session.metadata["sos_id"])]])
    logprobs, _ = session.read(sos, session.null_state(1))
    assert logprobs == pytest.approx(model.logprobs(model.begin_state(1)), abs=1e-5)


def test_export_onnx_tells_what_sherpa_reads() -> None:
    metadata = Session(export_onnx(model_of(LSTM), "demo@1")).metadata
    assert metadata == {
        "model_type": "rnnlm",
        "version": "1",
        "model_author": "nextword",
        "comment": "demo@1, lstm with state",
        "sos_id": "1",
        "eos_id": "1",
        "vocab_size": "23",
        "num_layers": "2",
        "hidden_size": "5",
        "embedding_dim": "6",
    }


def test_export_onnx_speaks_the_public_ids_of_a_foreign_tokenizer() -> None:
    model = model_of(CONFIGS["untied gru"])
    public = np.random.default_rng(1).permutation(V + 2)[:V]  # two ids that no token has
    session, own = Session(export_onnx(model, "demo@1", public)), Session(export_onnx(model, "demo@1"))
    assert session.metadata["sos_id"] == str(public[EOS])
    tokens = np.array([[EOS, 5, 0, 7]])
    expected, _ = own.read(tokens, own.null_state(1))
    logprobs, _ = session.read(public[tokens], session.null_state(1))
    assert logprobs[:, public] == pytest.approx(expected, rel=1e-6, abs=1e-5)
    nobody = np.setdiff1d(np.arange(public.max() + 1), public)
    assert (logprobs[:, nobody] < -1000).all()


def test_export_onnx_has_the_stored_weights_whatever_computes() -> None:
    assert export_onnx(model_of(LSTM, Int8Model), "demo@1") == export_onnx(model_of(LSTM), "demo@1")


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (RecurrentConfig("feedforward", layers=1, embedding_size=3, hidden_size=4, window=2), "feed-forward"),
        (LSTM, "2 GB"),
    ],
)
def test_export_onnx_refuses_what_no_file_holds(
    config: RecurrentConfig, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "MAX_BYTES", 1000)
    with pytest.raises(InvalidInput, match=message):
        export_onnx(model_of(config), "demo@1")


def test_export_onnx_says_which_library_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(InvalidInput, match=r"nextword\[onnx\]"):
        export_onnx(model_of(LSTM), "demo@1")
