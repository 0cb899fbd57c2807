"""Tuned weights: errors by hand, signs, and lists that were left out."""

from collections.abc import Sequence

import numpy as np
import pytest

from models.data.labelled.nbest import NbestHypothesis, NbestList
from models.errors import InvalidInput
from models.evaluation.rescoring.coordinate_search import NbestFeatures, search_weights
from models.evaluation.rescoring.nbest_scores import Scorer, count_errors, nbest_features, score_nbest
from models.evaluation.rescoring.tuning import tune
from models.utils.progress import run_to_completion
from tests.helpers.serving import CHARACTERS, WORDS, ngram

REFERENCES = ["the cat saw a bird", "a dog saw the cat", "the old bird saw a dog"]


def nbest(reference: str, texts: Sequence[str], context: str = "") -> NbestList:
    return NbestList(reference, tuple(NbestHypothesis(text, -float(i)) for i, text in enumerate(texts)), context, 1)


def shuffled(count: int) -> list[NbestList]:
    """Lists whose first hypothesis is the reference in another order, which a word model tells apart."""
    rng = np.random.default_rng(0)
    lists = []
    for i in range(count):
        words = REFERENCES[i % 3].split()
        others = [" ".join(rng.permutation(words).tolist()) for _ in range(3)]
        lists.append(nbest(REFERENCES[i % 3], [*others, REFERENCES[i % 3]], "at night ," if i % 2 else ""))
    return lists


def test_count_errors_of_words_and_characters() -> None:
    lists = [nbest("ab c", ["ab c", "ab", "x c ab"]), nbest("", ["a"])]
    errors, length = count_errors(lists, "words")
    assert (errors.tolist(), length) == ([[0, 1, 2], [1, 0, 0]], 2)
    errors, length = count_errors(lists, "characters")
    assert (errors.tolist(), length) == ([[0, 1, 3], [1, 0, 0]], 3)  # abc: abc, ab, xcab


def test_score_nbest_has_the_figures_of_each_model_alone_after_its_context() -> None:
    lists = [nbest("a", ["the cat saw a zebra", "a"], "the dog"), nbest("a", ["the cat"])]
    scorers = [Scorer(ngram(), WORDS), Scorer(ngram(CHARACTERS, order=5), CHARACTERS)]
    figures = run_to_completion(score_nbest(lists, scorers, -9.0))
    assert figures.shape == (2, 2, 6)
    assert figures[..., 0].tolist() == [[0, -1], [0, 0]]
    assert figures[..., 3].tolist() == [[5, 1], [2, 0]]
    assert figures[..., 4].tolist() == [[-1, 0], [0, 0]]  # zebra
    words = WORDS.encode("the dog the cat saw a zebra").ids
    state = scorers[0].model.advance(scorers[0].model.begin_state(1), words[None, :2].astype(np.int64))
    expected, _ = scorers[0].model.score(state, np.append(words[2:], 1)[None].astype(np.int64))
    assert figures[0, 0, 1] == pytest.approx(float(expected.sum()), abs=1e-4)
    assert figures[1, 1].tolist() == [0] * 6


def test_tune_finds_the_model_that_tells_the_references_apart() -> None:
    lists = shuffled(30)
    tuning = run_to_completion(tune(lists, [Scorer(ngram(), WORDS), Scorer(ngram(CHARACTERS, order=5), CHARACTERS)]))
    errors = tuning.errors
    assert errors.oracle == 0
    assert 0 <= errors.tuned <= (errors.held_out or 0) < errors.first_pass
    assert tuning.error_rates["tuned"] == errors.tuned / tuning.reference_length
    assert (tuning.list_count, tuning.hypothesis_count, tuning.reference_length) == (30, 120, 160)
    again = run_to_completion(tune(lists, [Scorer(ngram(), WORDS), Scorer(ngram(CHARACTERS, order=5), CHARACTERS)]))
    assert again == tuning


def test_tune_judges_held_out_lists_only_where_there_are_ten() -> None:
    scorers = [Scorer(ngram(), WORDS)]
    assert run_to_completion(tune(shuffled(9), scorers)).errors.held_out is None
    assert run_to_completion(tune(shuffled(10), scorers)).errors.held_out is not None


def test_tune_refuses_references_without_a_word() -> None:
    with pytest.raises(InvalidInput, match="reference"):
        run_to_completion(tune([nbest(" ", ["a"])], [Scorer(ngram(), WORDS)]))


def test_search_weights_finds_a_weight_below_zero() -> None:
    # The second value misleads: what it prefers is wrong wherever the first does not say enough.
    rng = np.random.default_rng(1)
    values, errors = rng.normal(size=(200, 5, 2)), np.ones((200, 5), np.int64)
    best = (values @ np.array([1.0, -0.5])).argmax(1)
    errors[np.arange(200), best] = 0
    features = NbestFeatures(values, errors, np.ones((200, 5), np.bool_))
    weights = run_to_completion(search_weights(features))
    assert features.error_count(weights) == 0
    assert weights == pytest.approx([1.0, -0.5], abs=0.05)


def test_nbest_features_leave_out_what_lists_do_not_have() -> None:
    lists = [nbest("a b", ["a c", "a b"]), nbest("a", ["b"])]
    errors, _ = count_errors(lists, "words")
    features = nbest_features(lists, np.zeros((2, 2, 1)), errors)
    assert features.inside.tolist() == [[True, True], [True, False]]
    assert features.oracle_errors == 1
    assert features.error_count(np.array([1.0])) == 2
