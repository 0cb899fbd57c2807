"""Recurrent models through the door of every language model."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from models.errors import CheckpointDamaged, InvalidInput
from models.model import Floats, Tensors, TokenIds
from models.neural.config import RecurrentConfig
from models.neural.dropout import DropoutHooks
from models.neural.model import RecurrentModel, weight_shapes
from models.neural.network import Network
from models.special_tokens import EOS
from models.state import State, concat, select

V = 11
CONFIGS = [
    RecurrentConfig("lstm", layers=2, embedding_size=6, hidden_size=8),
    RecurrentConfig("lstm", layers=1, embedding_size=8, hidden_size=8, storage="float16"),
    RecurrentConfig("gru", layers=2, embedding_size=6, hidden_size=8, tied=False),
    RecurrentConfig("rnn", layers=1, embedding_size=8, hidden_size=8),
    RecurrentConfig("rnn", "relu", layers=3, embedding_size=5, hidden_size=4),
]


def weights(config: RecurrentConfig, scale: float = 0.5) -> Tensors:
    """Random weights of the right shapes, made by asking an all-zero model for its tensors."""
    generator = np.random.default_rng(5)
    gates = {"rnn": 1, "gru": 3, "lstm": 4}[config.kind]
    shapes: dict[str, tuple[int, ...]] = {"embedding": (V, config.embedding_size), "output_bias": (V,)}
    for i in range(config.layers):
        rows, inputs = gates * config.hidden_size, config.hidden_size if i else config.embedding_size
        shapes |= {f"layers.{i}.weight_ih": (rows, inputs), f"layers.{i}.weight_hh": (rows, config.hidden_size)}
        shapes |= {f"layers.{i}.bias_ih": (rows,), f"layers.{i}.bias_hh": (rows,)}
    if not config.tied:
        shapes["output_weight"] = (V, config.hidden_size)
    elif config.embedding_size != config.hidden_size:
        shapes["projection"] = (config.embedding_size, config.hidden_size)
    return {name: np.float32(scale) * generator.standard_normal(shape, np.float32) for name, shape in shapes.items()}


@pytest.fixture(params=CONFIGS, ids=lambda c: f"{c.kind}-{c.nonlinearity}-{c.layers}-{c.storage}")
def model(request: pytest.FixtureRequest) -> RecurrentModel:
    return RecurrentModel(request.param, weights(request.param), V)


def ids(*shape: int) -> TokenIds:
    return np.random.default_rng(3).integers(V, size=shape)


def flat(state: State) -> np.ndarray:
    parts = [flat(part) for part in state] if isinstance(state, tuple) else [state.reshape(len(state), -1)]
    return np.concatenate(parts, 1)


def loop(model: RecurrentModel, state: State, tokens: TokenIds) -> tuple[Floats, State]:
    columns = []
    for t in range(tokens.shape[1]):
        columns.append(np.take_along_axis(model.logprobs(state), tokens[:, t : t + 1], 1))
        state = model.advance(state, tokens[:, t : t + 1])
    return np.concatenate(columns, 1), state


def test_begin_state_has_read_eos_and_null_state_nothing(model: RecurrentModel) -> None:
    assert not flat(model.null_state(2)).any()
    read = model.advance(model.null_state(2), np.full((2, 1), EOS))
    np.testing.assert_allclose(flat(model.begin_state(2)), flat(read), atol=1e-5, rtol=1.3e-6)


def test_initial_state_without_bos_has_made_one_step_on_a_zero_vector(model: RecurrentModel) -> None:
    network = Network(model.architecture, V)
    network.load_state_dict({n: torch.from_numpy(w.astype(np.float32)) for n, w in model.tensors().items()})
    zeros = DropoutHooks(embeddings=lambda vectors, _: torch.zeros_like(vectors))
    with torch.no_grad():
        _, expected = network(torch.tensor([[EOS]]), network.zero_state(1), zeros)
    state = model.initial_state(3, bos=False)
    for vectors, stepped in zip(state, expected, strict=True):
        np.testing.assert_allclose(vectors, np.repeat(stepped.numpy(), 3, 0), atol=1e-6, rtol=1e-5)
    assert flat(state).any()
    assert np.array_equal(flat(model.initial_state(2, bos=True)), flat(model.begin_state(2)))


def test_logprobs_sum_to_one(model: RecurrentModel) -> None:
    rows = model.logprobs(model.advance(model.begin_state(3), ids(3, 4)))
    assert rows.dtype == np.float32
    np.testing.assert_allclose(np.exp(rows).sum(1), np.ones(3), atol=1e-5, rtol=1.3e-6)


def test_score_equals_the_loop(model: RecurrentModel) -> None:
    state, tokens = model.begin_state(3), ids(3, 9)
    scores, after = model.score(state, tokens)
    expected, expected_after = loop(model, state, tokens)
    np.testing.assert_allclose(scores, expected, atol=1e-5, rtol=0)
    np.testing.assert_allclose(flat(after), flat(expected_after), atol=1e-5, rtol=0)


def test_score_in_many_slices_equals_score_in_one(model: RecurrentModel, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, _ = model.score(model.begin_state(2), ids(2, 9))
    monkeypatch.setattr("models.neural.model.LOGITS_PER_SLICE", 4 * V)
    sliced, _ = model.score(model.begin_state(2), ids(2, 9))
    np.testing.assert_allclose(sliced, whole, atol=1e-6, rtol=0)


def test_advance_keeps_padding_out_of_states(model: RecurrentModel) -> None:
    lengths = np.array([4, 0, 7, 4, 1])
    state, tokens = model.advance(model.begin_state(5), ids(5, 2)), ids(5, 7)
    scores, after = model.score(state, tokens, lengths)
    advanced = model.advance(state, tokens, lengths)
    for row, length in enumerate(lengths.tolist()):
        alone, alone_after = model.score(select(state, [row]), tokens[row : row + 1, :length])
        np.testing.assert_allclose(scores[row, :length], alone[0], atol=1e-5, rtol=0)
        assert not scores[row, length:].any()
        for batched in (after, advanced):
            np.testing.assert_allclose(flat(batched)[row], flat(alone_after)[0], atol=1e-5, rtol=0)


@pytest.mark.parametrize("token", [-1, V])
def test_advance_refuses_an_id_beyond_the_vocabulary(model: RecurrentModel, token: int) -> None:
    with pytest.raises(InvalidInput, match="tokens: ids from 0 to 10 are accepted"):
        model.advance(model.begin_state(2), np.array([[1, 2], [3, token]]))


def test_advance_does_not_mutate_states(model: RecurrentModel) -> None:
    state = model.advance(model.begin_state(2), ids(2, 3))
    before = flat(state).copy()
    for lengths in (None, np.array([1, 3])):
        model.advance(state, ids(2, 3), lengths)
        model.score(state, ids(2, 3), lengths)
    assert np.array_equal(flat(state), before)


def test_states_are_unchanged_by_joining_and_leaving_a_batch(model: RecurrentModel) -> None:
    first, second = model.advance(model.begin_state(1), ids(1, 4)), model.advance(model.begin_state(2), ids(2, 2))
    together = select(concat([first, second]), [2, 0])
    expected = np.concatenate([model.logprobs(second)[1:], model.logprobs(first)])
    np.testing.assert_allclose(model.logprobs(together), expected, atol=1e-5, rtol=0)


def test_topk_is_the_head_of_the_sorted_row(model: RecurrentModel) -> None:
    state = model.advance(model.begin_state(3), ids(3, 4))
    values, tokens = model.topk(state, 4)
    rows = model.logprobs(state)
    expected = np.argsort(-rows, axis=1, kind="stable")[:, :4]
    assert np.array_equal(tokens, expected)
    np.testing.assert_allclose(values, np.take_along_axis(rows, expected, 1), atol=1e-5, rtol=1.3e-6)
    assert model.topk(state, V + 5)[0].shape == (3, V)
    assert model.topk(state, 0)[1].shape == (3, 0)


@pytest.mark.parametrize("k", [1, 3, V])
def test_topk_gives_ties_to_the_lower_id(k: int) -> None:
    config = CONFIGS[0]
    level = RecurrentModel(config, weights(config, scale=0.0), V)  # every token has log-probability -log V
    assert level.topk(level.begin_state(2), k)[1].tolist() == [list(range(k))] * 2


def test_advance_by_nothing_changes_nothing(model: RecurrentModel) -> None:
    state = model.begin_state(2)
    scores, after = model.score(state, ids(2, 0))
    assert scores.shape == (2, 0)
    assert np.array_equal(flat(after), flat(state))
    assert np.array_equal(flat(model.advance(state, ids(2, 0))), flat(state))


def test_from_tensors_restores_the_model_bit_for_bit(model: RecurrentModel) -> None:
    again = RecurrentModel.from_tensors(model.config(), model.tensors(), V)
    state = model.begin_state(2)
    assert np.array_equal(again.score(state, ids(2, 6))[0], model.score(state, ids(2, 6))[0])
    assert all(np.array_equal(again.tensors()[name], tensor) for name, tensor in model.tensors().items())
    assert again.kind == model.kind == model.config()["kind"]


def test_tensors_in_half_precision_halve_matrices_and_keep_biases() -> None:
    dtypes = {n: t.dtype for n, t in RecurrentModel(CONFIGS[1], weights(CONFIGS[1]), V).tensors().items()}
    assert dtypes["embedding"] == dtypes["layers.0.weight_hh"] == np.float16
    assert dtypes["output_bias"] == dtypes["layers.0.bias_ih"] == np.float32


def test_float32_weights_are_not_copied() -> None:
    float_weights = weights(CONFIGS[0])
    stored = RecurrentModel(CONFIGS[0], float_weights, V).tensors()
    assert all(np.shares_memory(stored[name], tensor) for name, tensor in float_weights.items())


def damaged(name: str, tensor: np.ndarray | None) -> Tensors:
    changed = weights(CONFIGS[0])
    changed.pop(name, None)
    return changed if tensor is None else {**changed, name: tensor}


@pytest.mark.parametrize(
    ("name", "tensor", "says"),
    [
        ("embedding", None, "missing"),
        ("stranger", np.zeros(1, np.float32), "not part"),
        ("projection", np.zeros((6, 9), np.float32), r"float32 \[6, 8\] expected, float32 \[6, 9\] found"),
        ("layers.1.bias_hh", np.zeros(32), "float32 .* expected, float64"),
        ("output_bias", np.full(V, np.nan, np.float32), "not finite"),
    ],
)
def test_from_tensors_names_damage(name: str, tensor: np.ndarray | None, says: str) -> None:
    with pytest.raises(CheckpointDamaged, match=says) as caught:
        RecurrentModel.from_tensors({"kind": "lstm", "embedding_size": 6, "hidden_size": 8}, damaged(name, tensor), V)
    assert f"tensor {name}:" in str(caught.value)


@pytest.mark.parametrize("config", [{"kind": "mamba"}, {"width": 3}, replace(CONFIGS[2]).__dict__ | {"layers": 0}])
def test_from_tensors_refuses_a_foreign_config(config: dict[str, object]) -> None:
    with pytest.raises(CheckpointDamaged, match="config"):
        RecurrentModel.from_tensors(config, {}, V)


@pytest.mark.parametrize("config", CONFIGS, ids=lambda c: f"{c.kind}-{c.layers}-{c.tied}")
def test_weight_shapes_are_those_of_the_networks_parameters(config: RecurrentConfig) -> None:
    expected = {name: tuple(weight.shape) for name, weight in Network(config, V).state_dict().items()}
    assert weight_shapes(config, V) == expected
