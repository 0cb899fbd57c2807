"""The fill-in network: it never reads the word it tells, and is the same in any company and after being stored."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.checkpoint.families import FAMILIES_BY_PRECISION
from models.errors import CheckpointDamaged, InvalidInput
from models.model import Floats
from models.neural.encoder.config import Direction, EncoderConfig
from models.neural.encoder.model import RecurrentEncoder, encoder_shapes
from models.special_tokens import EOS
from models.tasks.fill_in.config import FillInConfig
from models.tasks.fill_in.model import Int8FillIn, RecurrentFillIn, fill_in_head_shapes

VOCABULARY = 9
ENCODER = EncoderConfig(embedding_size=5, hidden_size=4, separate=True, storage="float32")
ENCODERS = [
    ENCODER,
    replace(ENCODER, layers=2),
    replace(ENCODER, cell="gru", direction="forward", layers=2),
    replace(ENCODER, cell="rnn", direction="backward"),
    replace(ENCODER, separate=False, storage="float16"),
]
BOTH_PRECISIONS = pytest.mark.parametrize("precision", ["float32", "int8"])
Text = list[int]
texts = st.lists(st.integers(0, VOCABULARY - 1), min_size=1, max_size=9)


def random_arrays(shapes: dict[str, tuple[int, ...]], seed: int) -> dict[str, Floats]:
    random = np.random.default_rng(seed)
    return {name: random.normal(0, 0.7, shape).astype(np.float32) for name, shape in shapes.items()}


def make(encoder: EncoderConfig = ENCODER, precision: str = "float32") -> RecurrentFillIn:
    settings = FillInConfig(mlp_size=7)
    arrays = random_arrays(encoder_shapes(encoder, VOCABULARY), 1)
    head = random_arrays(fill_in_head_shapes(settings, encoder, VOCABULARY), 2)
    model = RecurrentFillIn(settings, RecurrentEncoder(encoder, arrays, VOCABULARY), head)
    family = FAMILIES_BY_PRECISION[precision]["fill_in"]
    assert issubclass(family, RecurrentFillIn)
    return family.from_tensors(model.config(), model.tensors(), VOCABULARY)


def logprobs(model: RecurrentFillIn, ids: list[Text], positions: list[list[int]]) -> Floats:
    framed = [np.array([*text, EOS], np.int64) for text in ids]
    return model.logprobs(model.contexts(framed, [np.array(places, np.int64) for places in positions]))


@BOTH_PRECISIONS
@pytest.mark.parametrize("encoder", ENCODERS)
@given(text=texts, data=st.data())
def test_fill_in_does_not_depend_on_the_token_at_its_position(
    precision: str, encoder: EncoderConfig, text: Text, data: st.DataObject
) -> None:
    model, place = make(encoder, precision), data.draw(st.integers(0, len(text) - 1))
    other = [*text[:place], data.draw(st.integers(0, VOCABULARY - 1)), *text[place + 1 :]]
    assert np.array_equal(logprobs(model, [text], [[place]]), logprobs(model, [other], [[place]]))


@BOTH_PRECISIONS
@pytest.mark.parametrize(("direction", "reads"), [("both", [0, 1, 3, 4]), ("forward", [0, 1]), ("backward", [3, 4])])
def test_fill_in_reads_every_other_token_of_its_sides(precision: str, direction: Direction, reads: list[int]) -> None:
    model, text = make(replace(ENCODER, direction=direction), precision), [2, 3, 4, 5, 6]
    before = logprobs(model, [text], [[2]])
    changed = []
    for place in range(5):
        other = [*text[:place], 8, *text[place + 1 :]]
        if not np.array_equal(logprobs(model, [other], [[2]]), before):
            changed.append(place)
    assert changed == reads


@pytest.mark.parametrize("encoder", ENCODERS)
@given(company=st.lists(texts, max_size=4), text=texts)
def test_int8_fill_in_is_the_same_to_the_last_bit_in_any_company(
    encoder: EncoderConfig, company: list[Text], text: Text
) -> None:
    model, everywhere = make(encoder, "int8"), list(range(len(text)))
    alone = logprobs(model, [text], [everywhere])
    together = logprobs(model, [*company, text], [*([0] for _ in company), everywhere])
    assert np.array_equal(together[len(company) :], alone)
    for place in everywhere:
        assert np.array_equal(logprobs(model, [text], [[place]])[0], alone[place])


@pytest.mark.parametrize("encoder", ENCODERS)
@given(company=st.lists(texts, max_size=4), text=texts)
def test_float_fill_in_is_the_same_within_rounding_in_any_company(
    encoder: EncoderConfig, company: list[Text], text: Text
) -> None:
    model, everywhere = make(encoder), list(range(len(text)))
    together = logprobs(model, [*company, text], [*([0] for _ in company), everywhere])
    assert together[len(company) :] == pytest.approx(logprobs(model, [text], [everywhere]), abs=1e-5)


def test_fill_in_computes_the_formula_of_its_head() -> None:
    model = make()
    text = np.array([EOS, 2, 3, 4, EOS])
    vectors = model.encoder.encode(text[None], np.array([5]))[0]
    arrays = model.tensors()
    # The second word stands at 2 of the framed text: forward vector after 1, backward vector from 3 on.
    x = np.concatenate([vectors[1, :4], vectors[3, 4:]])
    hidden = np.maximum(arrays["head.hidden_weight"] @ x + arrays["head.hidden_bias"], 0)
    logits = arrays["encoder.embedding"] @ (arrays["head.projection"] @ hidden) + arrays["head.output_bias"]
    expected = logits - np.log(np.exp(logits).sum())
    assert logprobs(model, [[2, 3, 4]], [[1]])[0] == pytest.approx(expected, abs=1e-5)


@BOTH_PRECISIONS
def test_fill_in_is_close_in_both_precisions_and_checks_itself(precision: str) -> None:
    model = make(precision=precision)
    model.check()
    text, everywhere = [2, 3, 4, 5], [0, 1, 2, 3]
    probabilities = np.exp(logprobs(model, [text], [everywhere]))
    assert probabilities == pytest.approx(np.exp(logprobs(make(), [text], [everywhere])), abs=0.05)


def test_sliced_logprobs_are_those_of_all_positions(monkeypatch: pytest.MonkeyPatch) -> None:
    model = make()
    lines = [np.array([2, 3, 4, 5, EOS]), np.array([EOS]), np.array([6, EOS])]
    positions = [np.array([3, 0]), np.array([], np.int64), np.array([0])]
    expected = model.logprobs(model.contexts(lines, positions))
    monkeypatch.setattr("models.tasks.fill_in.fill_in_model.LOGITS_PER_SLICE", 2 * VOCABULARY)
    slices = list(model.sliced_logprobs(lines, positions))
    assert [len(part) for part in slices] == [2, 1]
    assert np.concatenate(slices) == pytest.approx(expected, abs=1e-6)


def test_fill_in_refuses_an_encoder_whose_sides_have_read_the_word() -> None:
    with pytest.raises(InvalidInput, match="separate"):
        make(replace(ENCODER, layers=2, separate=False))
    with pytest.raises(InvalidInput, match="character_embedding_size"):
        make(replace(ENCODER, character_embedding_size=3, character_hidden_size=2))


def test_fill_in_from_tensors_names_the_first_that_does_not_fit() -> None:
    model = make()
    tensors = {name: array for name, array in model.tensors().items() if name != "head.projection"}
    with pytest.raises(CheckpointDamaged, match=r"head\.projection: missing"):
        RecurrentFillIn.from_tensors(model.config(), tensors, VOCABULARY)
    config = {name: value for name, value in model.config().items() if name != "fill_in"}
    with pytest.raises(CheckpointDamaged, match="fill_in"):
        RecurrentFillIn.from_tensors(config, model.tensors(), VOCABULARY)


def test_int8_fill_in_stores_what_the_float_one_does() -> None:
    model, int8 = make(), make(precision="int8")
    assert isinstance(int8, Int8FillIn)
    assert int8.config() == model.config()
    assert all(np.array_equal(array, model.tensors()[name]) for name, array in int8.tensors().items())
    assert int8.precision == "int8"
    assert model.capabilities == {"fill", "embed"}
