"""A pair of language models multiplies what both say of a token, and divides by what it is worth by itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models.checkpoint.card import Provenance
from models.checkpoint.load import load
from models.checkpoint.save import save
from models.errors import CheckpointDamaged, InvalidInput
from models.language_model import LanguageModel
from models.neural.int8.model import Int8Model
from models.tasks.fill_in import pair as pair_module
from models.tasks.fill_in.config import LanguageModelPairConfig
from models.tasks.fill_in.evaluate import measure_fill_in
from models.tasks.fill_in.pair import LanguageModelPair, states_before
from models.utils.progress import run_to_completion
from tests.helpers.language_models import TOKENIZER, V, ngram, published, recurrent
from tests.helpers.toy import Bigram

# Four tokens: <unk>, </s>, x, y. Rows: after each of them, and after nothing.
FORWARD = Bigram([[0.25] * 4, [0.1, 0.1, 0.6, 0.2], [0.1, 0.2, 0.3, 0.4], [0.25] * 4, [0.1, 0.1, 0.4, 0.4]])
BACKWARD = Bigram([[0.25] * 4, [0.1, 0.1, 0.2, 0.6], [0.25] * 4, [0.1, 0.3, 0.4, 0.2], [0.25] * 4])


def blank_logprobs(pair: LanguageModelPair, text: list[int], position: int) -> np.ndarray:
    return pair.logprobs(pair.contexts([np.array(text)], [np.array([position])]))[0]


def test_pair_multiplies_both_sides_and_divides_by_the_prior() -> None:
    pair = LanguageModelPair(LanguageModelPairConfig(), [FORWARD, BACKWARD])
    # x ? y </s>: the left model has read x, the right one </s> and y. Product over prior, then normalized:
    # [.1 * .1 / .1, .2 * .3 / .1, .3 * .4 / .4, .4 * .2 / .4] = [.1, .6, .3, .2], whose sum is 1.2.
    expected = np.array([0.1, 0.6, 0.3, 0.2]) / 1.2
    assert np.exp(blank_logprobs(pair, [2, 0, 3, 1], 1)) == pytest.approx(expected, rel=1e-5)


def test_pair_without_a_prior_is_the_plain_product() -> None:
    pair = LanguageModelPair(LanguageModelPairConfig(0), [FORWARD, BACKWARD])
    expected = np.array([0.01, 0.06, 0.12, 0.08]) / 0.27
    assert np.exp(blank_logprobs(pair, [2, 0, 3, 1], 1)) == pytest.approx(expected, rel=1e-5)


def test_pair_reads_the_boundary_at_the_ends_of_a_text() -> None:
    pair = LanguageModelPair(LanguageModelPairConfig(0), [FORWARD, BACKWARD])
    # ? </s>: both have read only the boundary. [.1 * .1, .1 * .1, .6 * .2, .2 * .6], whose sum is 0.26.
    assert np.exp(blank_logprobs(pair, [0, 1], 0)) == pytest.approx(np.array([0.01, 0.01, 0.12, 0.12]) / 0.26, rel=1e-5)


def test_pair_believes_the_left_where_nothing_is_possible_on_both_sides() -> None:
    left, right = Bigram([[0, 0, 1, 0]] * 5), Bigram([[0, 0, 0, 1]] * 5)
    pair = LanguageModelPair(LanguageModelPairConfig(), [left, right])
    assert np.exp(blank_logprobs(pair, [2, 0, 3, 1], 1)).tolist() == [0, 0, 1, 0]


def test_pair_reads_a_long_text_in_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    pair = LanguageModelPair(LanguageModelPairConfig(), [recurrent("lstm"), ngram("witten_bell")])
    text = np.append(np.arange(2, V).repeat(3), 1)
    whole = run_to_completion(measure_fill_in(pair, [text], [np.zeros(len(text), np.bool_)]))
    monkeypatch.setattr(pair_module, "STEP_PLACES", 7)
    work = measure_fill_in(pair, [text], [np.zeros(len(text), np.bool_)])
    steps = []
    sliced = run_to_completion(work, steps.append)
    # Each side stops after every 7th of 30 places; then the only slice of probabilities, and the text is done.
    assert steps == [0] * (4 + 4 + 1) + [len(text)]
    assert sliced.logprobs.tolist() == whole.logprobs.tolist()
    assert sliced.ranks.tolist() == whole.ranks.tolist()


def test_pair_refuses_members_that_do_not_fit() -> None:
    for members in ([FORWARD], [FORWARD] * 3, [FORWARD, Bigram.random(5)]):
        with pytest.raises(InvalidInput, match="two models"):
            LanguageModelPair(LanguageModelPairConfig(), members)


@pytest.mark.parametrize("model", [ngram("kneser_ney"), recurrent("lstm"), recurrent("gru", family=Int8Model)])
def test_states_before_are_those_of_each_text_read_alone(model: LanguageModel) -> None:
    texts = [np.array([2, 3, 4, 5, 1]), np.array([6, 1]), np.array([7, 8, 9, 2, 3, 1])]
    positions = [np.array([3, 0]), np.array([0]), np.array([1, 4, 4])]
    together = model.logprobs(states_before(model, texts, positions))
    row = 0
    for text, places in zip(texts, positions, strict=True):
        for place in places:
            state = model.begin_state(1)
            alone = model.logprobs(model.advance(state, text[None, :place]) if place else state)[0]
            assert together[row] == pytest.approx(alone, abs=0 if model.precision == "int8" else 1e-5)
            row += 1
    assert row == len(together)


def test_pair_is_published_with_its_members(tmp_path: Path) -> None:
    members = [recurrent("lstm"), recurrent("gru")]
    refs = [published(tmp_path, member, f"side-{i}") for i, member in enumerate(members)]
    pair = LanguageModelPair(LanguageModelPairConfig(0.5), members)
    ref = save(tmp_path, "pair", pair, TOKENIZER, Provenance("none", "none"), members=refs)
    loaded = load(ref.path).model
    assert isinstance(loaded, LanguageModelPair)
    text = [2, 3, 4, 5, 1]
    assert np.array_equal(blank_logprobs(pair, text, 2), blank_logprobs(loaded, text, 2))
    assert loaded.pair_config == LanguageModelPairConfig(0.5)
    assert loaded.parameter_count == sum(member.parameter_count for member in members)
    assert loaded.vocabulary_size == V
    with pytest.raises(CheckpointDamaged, match="made of other models"):
        LanguageModelPair.from_tensors({}, {}, V)
    with pytest.raises(InvalidInput, match="2 published models"):
        save(tmp_path, "pair", pair, TOKENIZER, Provenance("none", "none"), members=refs[:1])


def test_pair_checks_that_its_distributions_sum_to_one() -> None:
    LanguageModelPair(LanguageModelPairConfig(), [FORWARD, BACKWARD]).check()
    broken = Bigram([[np.nan] * 4] * 5)
    with pytest.raises(InvalidInput, match="sum to one"):
        LanguageModelPair(LanguageModelPairConfig(), [FORWARD, broken]).check()
