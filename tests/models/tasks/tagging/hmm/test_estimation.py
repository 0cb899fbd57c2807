"""Estimation of hidden Markov taggers: against numbers derived by hand."""

import numpy as np
import pytest

from models.errors import InvalidInput
from models.tasks.tagging.config import HmmTaggerConfig
from models.tasks.tagging.hmm.estimation import estimate_hmm, transition_probabilities
from models.tasks.tagging.texts import TaggedTexts
from models.tasks.text import TaskText

X, Y, BOUNDARY = 0, 1, 2


def test_transition_probabilities_mix_frequencies_by_deleted_interpolation() -> None:
    # Sentences X Y and X. In a row occur | X twice, X Y, Y | and X | once; as last ones X 2, Y 1, | 2 of 5 times.
    # Taken out of the counts, | X is predicted best with the tag before: 1/1 against 1/4, two votes. X | and Y | are
    # predicted best without: 0 against 1/4, a vote each. X Y has 0 either way, a vote for the shorter. With one vote
    # more for each: 4/7 and 3/7.
    table = transition_probabilities([np.array([X, Y]), np.array([X])], tags=2, order=2)
    assert table[X].tolist() == pytest.approx([4 / 7 * 2 / 5, 4 / 7 / 5 + 3 / 7 / 2, 4 / 7 * 2 / 5 + 3 / 7 / 2])
    assert table[Y].tolist() == pytest.approx([4 / 7 * 2 / 5, 4 / 7 / 5, 4 / 7 * 2 / 5 + 3 / 7])
    assert table[BOUNDARY].tolist() == pytest.approx([4 / 7 * 2 / 5 + 3 / 7, 4 / 7 / 5, 4 / 7 * 2 / 5])


def test_transition_probabilities_after_unseen_tags_are_those_after_fewer() -> None:
    rows = [np.array([X, Y]), np.array([X])]
    table = transition_probabilities(rows, tags=2, order=3)
    assert np.allclose(table.sum(-1), 1)
    assert (table > 0).all()
    # X X and Y X never occur, and so tell nothing but what X alone does.
    assert np.allclose(table[X, X], table[Y, X])


def test_estimate_hmm_gives_words_their_relative_frequency_among_a_tag() -> None:
    texts = [TaskText(np.array([2, 3]), ("run", "runs")), TaskText(np.array([2, 2, 0]), ("run", "run", "odd"))]
    model = estimate_hmm(HmmTaggerConfig(), ["N", "V"], TaggedTexts(texts, [("V", "V"), ("N", "V", "N")]), 5)
    tags, scores = model.word_tags(2, "run")
    # V has runs once and run twice; N has run once and the unknown word once.
    assert tags.tolist() == [0, 1]
    assert np.exp(scores).tolist() == pytest.approx([1 / 2, 2 / 3])
    tags, scores = model.word_tags(3, "runs")
    assert (tags.tolist(), np.exp(scores).tolist()) == ([1], pytest.approx([1 / 3]))
    for unknown in (0, 4):  # <unk>, and a word of the vocabulary that training lacks
        tags, _ = model.word_tags(unknown, "odder")
        assert sorted(tags.tolist()) == [0, 1]


def test_estimate_hmm_refuses_a_table_of_transitions_that_is_too_large() -> None:
    tags = tuple(f"t{i}" for i in range(400))
    examples = TaggedTexts([TaskText(np.array([2]), ("x",))], [("t0",)])
    with pytest.raises(InvalidInput, match="order: 3 takes too much memory with 400 tags"):
        estimate_hmm(HmmTaggerConfig(), tags, examples, 3)
