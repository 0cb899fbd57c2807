"""Encoders against a naive reading of each text on its own, in both precisions."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.errors import CheckpointDamaged, InvalidInput
from models.neural.encoder.config import EncoderConfig
from models.neural.encoder.model import RecurrentEncoder, encoder_shapes
from models.neural.int8.encoder import Int8Encoder
from models.sequence_encoder import Spelling

Array = NDArray[np.float64]
VOCABULARY, ALPHABET = 11, 6
CONFIGS = [
    EncoderConfig("lstm", layers=2, embedding_size=5, hidden_size=4, storage="float32"),
    EncoderConfig("gru", layers=2, separate=True, embedding_size=3, hidden_size=5, storage="float32"),
    EncoderConfig("rnn", direction="backward", embedding_size=4, hidden_size=3, storage="float32"),
    EncoderConfig("rnn", "relu", direction="forward", embedding_size=4, hidden_size=3, storage="float32"),
    EncoderConfig(embedding_size=3, hidden_size=4, character_embedding_size=3, character_hidden_size=2),
]
BOTH_CLASSES = pytest.mark.parametrize("encoder_class", [RecurrentEncoder, Int8Encoder])
ALL_CONFIGS = pytest.mark.parametrize("config", CONFIGS)


def weights(config: EncoderConfig) -> dict[str, NDArray[np.float32]]:
    random = np.random.default_rng(5)
    shapes = encoder_shapes(config, VOCABULARY, ALPHABET)
    return {name: random.normal(0, 0.5, shape).astype(np.float32) for name, shape in shapes.items()}


def make(config: EncoderConfig, encoder_class: type[RecurrentEncoder] = RecurrentEncoder) -> RecurrentEncoder:
    return encoder_class(config, weights(config), VOCABULARY, ALPHABET)


def spelling_of(tokens: NDArray[np.int64]) -> Spelling:
    """Spell token i with 1 + i % 4 characters, beginning with character i % ALPHABET."""
    forms = np.arange(VOCABULARY)
    characters = (forms[:, None] + np.arange(4)) % ALPHABET
    return Spelling(tokens, characters, 1 + forms % 4)


def encode(encoder: RecurrentEncoder, texts: list[list[int]]) -> list[NDArray[np.float32]]:
    lengths = np.array([len(text) for text in texts])
    tokens = np.zeros((len(texts), lengths.max(initial=0)), np.int64)
    for row, text in zip(tokens, texts, strict=True):
        row[: len(text)] = text
    spelling = spelling_of(tokens) if encoder.architecture.reads_characters else None
    vectors = encoder.encode(tokens, lengths, spelling)
    assert (vectors[np.arange(tokens.shape[1]) >= lengths[:, None]] == 0).all()
    return [v[:n] for v, n in zip(vectors, lengths, strict=True)]


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def step(config: EncoderConfig, layer: Callable[[str], Array], x: Array, h: Array, c: Array) -> tuple[Array, Array]:
    """Compute one step of a layer from the equations of the papers."""
    by_input, by_state = layer("weight_ih") @ x + layer("bias_ih"), layer("weight_hh") @ h + layer("bias_hh")
    if config.cell == "rnn":
        total = by_input + by_state
        return (np.tanh(total) if config.nonlinearity == "tanh" else np.maximum(total, 0)), c
    a, b = np.split(by_input, len(by_input) // len(h)), np.split(by_state, len(by_state) // len(h))
    if config.cell == "gru":
        r, z = sigmoid(a[0] + b[0]), sigmoid(a[1] + b[1])
        return (1 - z) * np.tanh(a[2] + r * b[2]) + z * h, c
    i, f, g, o = (x + y for x, y in zip(a, b, strict=True))
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def naive(config: EncoderConfig, arrays: dict[str, Array], inputs: list[Array]) -> list[Array]:
    """Read one text, given as its vectors below the first layer, direction by direction and step by step."""
    read = dict.fromkeys(config.directions, inputs)
    for i in range(config.layers):
        outputs = {}
        for direction, vectors in read.items():
            h, c, hidden = np.zeros(config.hidden_size), np.zeros(config.hidden_size), []
            for x in vectors if direction == "forward" else vectors[::-1]:
                h, c = step(config, lambda name, d=direction: arrays[f"{d}_layers.{i}.{name}"], x, h, c)  # type: ignore[misc]  # noqa: B023
                hidden.append(h)
            outputs[direction] = hidden if direction == "forward" else hidden[::-1]
        joined = [np.concatenate(parts) for parts in zip(*outputs.values(), strict=True)]
        read = outputs if config.separate else dict.fromkeys(outputs, joined)
    return joined


def naive_inputs(config: EncoderConfig, arrays: dict[str, Array], text: list[int]) -> list[Array]:
    embedded = [arrays["embedding"][token] for token in text]
    if not config.reads_characters:
        return embedded
    parts = {name.removeprefix("characters."): a for name, a in arrays.items() if name.startswith("characters.")}
    spelling, size, vectors = spelling_of(np.array(text)), config.character_hidden_size, []
    for token, word in zip(text, embedded, strict=True):
        characters = spelling.characters[token, : spelling.lengths[token]]
        read = naive(config.character_config, parts, [parts["embedding"][c] for c in characters])
        vectors.append(np.concatenate([word, read[-1][:size], read[0][size:]]))
    return vectors


@ALL_CONFIGS
def test_encoder_equals_a_naive_reading_of_each_text(config: EncoderConfig) -> None:
    encoder = make(config)
    arrays = {name: array.astype(np.float64) for name, array in encoder.tensors().items()}
    texts = [[3, 1, 4, 1, 5], [9], [2, 6]]
    for text, vectors in zip(texts, encode(encoder, texts), strict=True):
        np.testing.assert_allclose(vectors, naive(config, arrays, naive_inputs(config, arrays, text)), atol=2e-6)


@given(st.lists(st.lists(st.integers(0, VOCABULARY - 1), max_size=7), min_size=1, max_size=5))
@ALL_CONFIGS
def test_encoder_gives_a_text_the_same_vectors_in_company(config: EncoderConfig, texts: list[list[int]]) -> None:
    encoder, int8 = make(config), make(config, Int8Encoder)
    for k, (vectors, exact) in enumerate(zip(encode(encoder, texts), encode(int8, texts), strict=True)):
        np.testing.assert_allclose(vectors, encode(encoder, [texts[k]])[0], atol=1e-5)
        assert np.array_equal(exact, encode(int8, [texts[k]])[0])


@ALL_CONFIGS
def test_int8_encoder_is_close_to_the_float_one_and_stored_alike(config: EncoderConfig) -> None:
    encoder, int8 = make(config), make(config, Int8Encoder)
    texts = [[3, 1, 4, 1, 5], [2, 6]]
    for exact, rounded in zip(encode(encoder, texts), encode(int8, texts), strict=True):
        assert np.abs(exact - rounded).max() < 0.1
    assert all(np.array_equal(int8.tensors()[name], tensor) for name, tensor in encoder.tensors().items())


@pytest.mark.parametrize("separate", [False, True])
def test_separate_directions_have_not_seen_the_other_side(separate: bool) -> None:
    encoder = make(EncoderConfig(layers=2, embedding_size=5, hidden_size=4, separate=separate))
    (before,), (after,) = encode(encoder, [[1, 2, 3]]), encode(encoder, [[1, 2, 8]])
    assert np.array_equal(before[0, :4], after[0, :4]) is separate  # the forward vector of the first token
    assert not np.array_equal(before[0, 4:], after[0, 4:])


@BOTH_CLASSES
def test_encoder_from_tensors_is_bit_equal(encoder_class: type[RecurrentEncoder]) -> None:
    for config in CONFIGS:
        encoder = make(config, encoder_class)
        again = encoder_class.from_tensors(encoder.config(), encoder.tensors(), VOCABULARY, ALPHABET)
        assert np.array_equal(encode(encoder, [[1, 2, 3]])[0], encode(again, [[1, 2, 3]])[0])


@pytest.mark.parametrize("fault", ["missing", "shape", "foreign", "nan", "dtype"])
def test_encoder_from_tensors_names_the_tensor_that_does_not_fit(fault: str) -> None:
    encoder = make(CONFIGS[0])
    tensors, name = encoder.tensors(), "backward_layers.1.weight_hh"
    if fault == "missing":
        del tensors[name]
    elif fault == "foreign":
        name = "backward_layers.2.weight_hh"
        tensors[name] = np.zeros((2, 2), np.float32)
    elif fault == "nan":
        tensors[name] = np.full_like(tensors[name], np.nan)
    else:
        tensors[name] = tensors[name][:2] if fault == "shape" else tensors[name].astype(np.float16)
    with pytest.raises(CheckpointDamaged, match=name):
        RecurrentEncoder.from_tensors(encoder.config(), tensors, VOCABULARY)


@BOTH_CLASSES
def test_encoder_wants_a_spelling_exactly_where_it_reads_characters(encoder_class: type[RecurrentEncoder]) -> None:
    tokens, lengths = np.array([[1, 2]]), np.array([2])
    for config in CONFIGS:
        wrong = None if config.reads_characters else spelling_of(tokens)
        with pytest.raises(InvalidInput, match="spelling"):
            make(config, encoder_class).encode(tokens, lengths, wrong)


@BOTH_CLASSES
def test_last_vectors_are_those_after_the_whole_text_in_each_direction(encoder_class: type[RecurrentEncoder]) -> None:
    encoder = make(CONFIGS[0], encoder_class)
    tokens, lengths = np.array([[1, 2, 3], [4, 5, 0]]), np.array([3, 2])
    vectors = encoder.encode(tokens, lengths)
    expected = [np.concatenate([v[n - 1, :4], v[0, 4:]]) for v, n in zip(vectors, lengths, strict=True)]
    assert np.array_equal(encoder.last_vectors(vectors, lengths), expected)


def test_language_model_is_an_encoder_of_its_hidden_vectors() -> None:
    from models.neural.config import RecurrentConfig
    from models.neural.model import RecurrentModel, weight_shapes

    random, config = np.random.default_rng(1), RecurrentConfig("gru", layers=2, embedding_size=4, hidden_size=4)
    shapes = weight_shapes(config, VOCABULARY)
    model = RecurrentModel(config, {n: random.normal(size=s).astype(np.float32) for n, s in shapes.items()}, VOCABULARY)
    tokens, lengths = np.array([[3, 4, 5], [6, 7, 0]]), np.array([3, 2])
    vectors = model.encode(tokens, lengths)
    state = model.advance(model.begin_state(1), tokens[1:, :2])
    np.testing.assert_allclose(vectors[1, 1], model.hidden(state)[0], atol=1e-6)
    assert (vectors[1, 2] == 0).all()
    assert "embed" in model.capabilities
