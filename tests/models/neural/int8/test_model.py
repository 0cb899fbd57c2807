"""Models in bytes: products against numpy to the last bit, alone as in company, near the float model."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from models.errors import InvalidInput
from models.kernels.jit import array_at
from models.kernels.openmp import run_parallel, task_record
from models.neural.config import RecurrentConfig
from models.neural.int8.forward import MatmulArgs, matmul, quantized_bytes
from models.neural.int8.matrix import Int8Matrix
from models.neural.int8.model import Int8Model
from models.neural.model import RecurrentModel
from models.neural.network import Network
from models.neural.training.config import TrainingConfig
from models.neural.training.initialization import initialize
from models.neural.training.train import train
from models.special_tokens import EOS
from models.state import concat, select
from models.threads import set_thread_count, thread_count
from tests.helpers.language_models import arrays

V = 300
CONFIGS = [
    RecurrentConfig("lstm", layers=2, embedding_size=50, hidden_size=37),
    RecurrentConfig("gru", layers=1, embedding_size=33, hidden_size=33),
    RecurrentConfig("gru", layers=2, embedding_size=8, hidden_size=100, tied=False),
    RecurrentConfig("rnn", layers=2, embedding_size=1, hidden_size=65),
    RecurrentConfig("rnn", "relu", layers=1, embedding_size=16, hidden_size=32),
]


def weights(config: RecurrentConfig, scale: float = 0.2) -> dict[str, np.ndarray]:
    network = Network(config, V)
    initialize(network, "uniform", scale, np.arange(V), torch.Generator().manual_seed(4))
    return arrays(network)


@pytest.fixture(params=CONFIGS, ids=lambda c: f"{c.kind} {c.nonlinearity} {c.layers}x{c.hidden_size}")
def config(request):
    return request.param


@pytest.fixture
def model(config):
    return Int8Model(config, weights(config), V)


@pytest.fixture
def threads():
    before = thread_count()
    yield set_thread_count
    set_thread_count(before)


def tokens(*shape: int) -> np.ndarray:
    return np.random.default_rng(6).integers(V, size=shape)


def quantize(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return rows as whole numbers from -63 to 63 and their scales, halves upwards, in float32 throughout."""
    magnitudes = np.abs(rows).max(1)
    with np.errstate(divide="ignore", over="ignore"):  # where what is divided by is negligible
        factors = np.where(magnitudes < 1e-30, np.float32(0), np.float32(63) / magnitudes)
    return np.trunc(rows * factors[:, None] + np.float32(64.5)).astype(np.int64) - 64, magnitudes / np.float32(63)


def multiply(task_address) -> None:
    """Compute a matrix product and nothing more."""
    task = array_at(task_address, 1, TASK)[0]
    matmul(task.team, task.args, 0)


TASK = task_record(MatmulArgs)


def product(matrix: Int8Matrix, rows: np.ndarray) -> np.ndarray:
    """Return the matrix times each of the rows, plus its bias."""
    (count, inputs), outputs = rows.shape, matrix.args.outputs
    workspace, results = np.empty(quantized_bytes(count, inputs), np.uint8), np.empty((count, outputs), np.float32)
    args = MatmulArgs(
        matrix.args, count, rows.ctypes.data, inputs, quantized=workspace.ctypes.data, results=results.ctypes.data
    )
    run_parallel(multiply, args, results.size * inputs)
    return results[:, : matrix.outputs]


@settings(deadline=None, max_examples=60)
@given(
    count=st.integers(1, 40),
    inputs=st.sampled_from([1, 7, 8, 9, 33, 300]),
    outputs=st.sampled_from([1, 31, 32, 33, 100]),
    spread=st.sampled_from([0.0, 1e-35, 1.0, 1e6]),
    seed=st.integers(0, 99),
)
@example(count=34, inputs=1, outputs=31, spread=1e-35, seed=1)  # a row so small that 63 / it is no float32
def test_matmul_equals_whole_numbers_of_numpy(count, inputs, outputs, spread, seed):
    numbers = np.random.default_rng(seed)
    weight, bias = numbers.normal(size=(outputs, inputs)).astype(np.float32), numbers.normal(size=outputs)
    weight[numbers.integers(outputs)] *= np.float32(spread)
    rows, bias = numbers.normal(size=(count, inputs)).astype(np.float32), bias.astype(np.float32)
    rows[numbers.integers(count)] *= np.float32(spread)

    scales = np.abs(weight).max(1) / np.float32(63)
    matrix = np.rint(weight / np.maximum(scales, np.float32(1e-30))[:, None]).astype(np.int64)
    numerators, row_scales = quantize(rows)
    sums = (numerators @ matrix.T).astype(np.float32)
    expected = sums * (row_scales[:, None] * scales) + bias

    assert np.array_equal(product(Int8Matrix(weight, bias), rows), expected)


def test_int8_row_does_not_depend_on_its_company_in_a_single_bit(model):
    read, lengths = tokens(7, 9), np.array([9, 0, 3, 9, 5, 1, 9])
    scores, after = model.score(model.begin_state(7), read, lengths)
    rows = model.logprobs(after)
    for row, length in enumerate(lengths.tolist()):
        alone, state = model.score(model.begin_state(1), read[row : row + 1, :length])
        assert np.array_equal(alone[0], scores[row, :length])
        assert np.array_equal(model.logprobs(state)[0], rows[row])
    swapped = select(concat([after, model.begin_state(2)]), [8, 3, 3, 0])
    assert np.array_equal(model.logprobs(swapped)[1], rows[3])


def test_int8_scores_one_token_at_a_time_as_all_at_once_in_every_bit(model):
    read, state = tokens(3, 12), model.begin_state(3)
    scores, after = model.score(state, read)
    for t in range(12):
        assert np.array_equal(model.logprobs(state)[np.arange(3), read[:, t]], scores[:, t])
        state = model.advance(state, read[:, t : t + 1])
    assert all(np.array_equal(left, right) for left, right in zip(state, after, strict=True))


def test_int8_scores_do_not_depend_on_the_number_of_threads(threads):
    config = RecurrentConfig("lstm", layers=2, embedding_size=128, hidden_size=200)
    model, read, results = Int8Model(config, weights(config), V), tokens(5, 20), []
    for count in (1, 2, 3):
        threads(count)
        results.append(model.score(model.begin_state(5), read))
    assert all(np.array_equal(scores, results[0][0]) for scores, _ in results)
    assert all(np.array_equal(after[1], results[0][1][1]) for _, after in results)


def test_int8_model_is_close_to_the_float_model(config, model):
    float_model, read = RecurrentModel(config, weights(config), V), tokens(4, 30)
    exact, exact_after = float_model.score(float_model.begin_state(4), read)
    scores, after = model.score(model.begin_state(4), read)
    assert np.abs(scores - exact).max() < 0.05
    assert np.abs(scores - exact).mean() < 0.01
    for left, right in zip(after, exact_after, strict=True):
        np.testing.assert_allclose(left, right, atol=0.05, rtol=0.05)


def test_int8_model_of_a_trained_model_loses_next_to_nothing():
    """Of a chain in which each word is followed by one of a few: KL(float32 || int8) and perplexity."""
    numbers, ids, last = np.random.default_rng(0), [], 2
    for _ in range(7_000):
        last = EOS if numbers.random() < 0.1 else 2 + (3 * last + int(numbers.geometric(0.3))) % 60
        ids.append(last)
    corpus, held_out = np.array(ids[:5_000], np.int32), np.array(ids[5_000:])[None]
    config = RecurrentConfig("gru", layers=1, embedding_size=24, hidden_size=32)
    work = train(config, TrainingConfig(epochs=3, batch_size=16, bptt=16, learning_rate=0.02), corpus, corpus[:0], 62)
    while True:
        try:
            next(work)
        except StopIteration as stop:
            model = stop.value.model
            break
    int8 = Int8Model(config, model.tensors(), 62)
    perplexity = math.exp(-model.score(model.begin_state(1), held_out)[0].mean())
    assert perplexity < 40  # of 62 words: it has learnt something to lose
    assert math.exp(-int8.score(int8.begin_state(1), held_out)[0].mean()) == pytest.approx(perplexity, rel=5e-3)
    prefixes = held_out[0, :1500].reshape(100, 15)
    exact = model.logprobs(model.advance(model.begin_state(100), prefixes)).astype(np.float64)
    approximate = int8.logprobs(int8.advance(int8.begin_state(100), prefixes)).astype(np.float64)
    assert (np.exp(exact) * (exact - approximate)).sum(1).mean() < 1e-3


def test_int8_model_is_stored_as_the_float_model_that_it_was_made_from(config, model):
    float_model = RecurrentModel(config, weights(config), V)
    assert model.config() == float_model.config()
    assert all(np.array_equal(model.tensors()[name], tensor) for name, tensor in float_model.tensors().items())
    assert (model.precision, float_model.precision) == ("int8", "float32")


def test_int8_model_keeps_the_weights_without_a_copy(config):
    mapped = weights(config)
    stored = Int8Model(config, mapped, V).tensors()
    assert stored.keys() == mapped.keys()
    assert all(np.shares_memory(tensor, mapped[name]) for name, tensor in stored.items())


@pytest.mark.parametrize("name", ["layers.0.weight_hh", "output_bias", "embedding"])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_int8_matrix_refuses_weights_that_are_not_finite(name, value):
    config = CONFIGS[0]
    damaged = {**weights(config), name: np.full_like(weights(config)[name], value)}
    with pytest.raises(InvalidInput, match="weights"):
        Int8Model(config, damaged, V)


def test_int8_logprobs_of_a_state_that_overflows_are_nan():
    config = RecurrentConfig("rnn", "relu", layers=1, embedding_size=4, hidden_size=8, tied=False)
    large = {name: np.abs(tensor) + np.float32(1e3) for name, tensor in weights(config).items()}
    model = Int8Model(config, large, V)
    state = model.advance(model.begin_state(2), tokens(2, 40), np.array([40, 1]))
    assert not np.isfinite(state[0][0]).any()
    assert np.isnan(model.logprobs(state)[0]).all()
    assert np.isfinite(model.logprobs(state)[1]).all()


@pytest.mark.parametrize("token", [-1, V])
def test_int8_advance_refuses_an_id_beyond_the_vocabulary(model, token):
    read = tokens(3, 2)
    read[1, 1] = token
    with pytest.raises(InvalidInput, match="tokens: ids from 0 to 299 are accepted"):
        model.advance(model.begin_state(3), read)


def test_int8_advance_reads_an_embedding_in_half_precision_exactly():
    stored = weights(CONFIGS[0])
    stored["embedding"][:3] = np.array([6e-8, -2e-6, 65504.0])[:, None]  # the smallest, a subnormal, the largest
    halves = Int8Model(replace(CONFIGS[0], storage="float16"), stored, V)
    rounded = {
        name: tensor.astype(np.float16).astype(np.float32) if tensor.ndim > 1 else tensor
        for name, tensor in stored.items()
    }
    floats = Int8Model(CONFIGS[0], rounded, V)
    read = np.arange(V).reshape(-1, 3)
    assert halves.tensors()["embedding"].dtype == np.float16
    for result, expected in zip(
        halves.advance(halves.begin_state(100), read), floats.advance(floats.begin_state(100), read), strict=True
    ):
        assert np.array_equal(result, expected)
