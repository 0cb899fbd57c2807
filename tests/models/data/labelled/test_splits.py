"""Held-out parts and folds: shares of labels, and stories that stay together."""

from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.data.labelled.examples import LabelledText, Question
from models.data.labelled.splits import folds, hold_out
from models.errors import InvalidInput


def texts(labels: Sequence[str]) -> list[LabelledText]:
    return [LabelledText(f"text {i}", (label,), i + 1) for i, label in enumerate(labels)]


@given(st.lists(st.sampled_from("aaabbc"), min_size=4, max_size=60), st.floats(0.2, 0.8), st.integers(0, 9))
def test_hold_out_takes_the_share_of_each_label(labels: list[str], fraction: float, seed: int) -> None:
    examples = texts(labels)
    rest, held_out = hold_out(examples, fraction, seed)
    assert sorted(rest + held_out, key=lambda text: text.line) == examples
    assert [text.line for text in rest] == sorted(text.line for text in rest)
    assert len(held_out) == round(fraction * len(examples))
    held_counts = Counter(text.labels for text in held_out)
    for label, count in Counter(text.labels for text in examples).items():
        assert abs(held_counts[label] - count * len(held_out) / len(examples)) < 1
    assert hold_out(examples, fraction, seed) == (rest, held_out)


def test_hold_out_depends_on_the_seed() -> None:
    assert len({tuple(hold_out(range(100), 0.1, seed)[1]) for seed in range(10)}) == 10


def questions() -> list[Question]:
    """Twelve questions: three a story of four stories, then two about each of two passages, in turn."""
    stories = [Question(" ".join(f"{s}{k}" for k in range(n)), "?", (), 0) for s in "abcd" for n in (1, 2, 4)]
    return stories + [Question(passage, "?", (), 0) for passage in ("one", "two", "one", "two")]


def test_hold_out_keeps_stories_and_passages_together() -> None:
    for seed in range(5):
        rest, held_out = hold_out(questions(), 0.5, seed)  # three of six stories and passages
        beginnings = [{question.context[:1] for question in part} for part in (rest, held_out)]
        assert not beginnings[0] & beginnings[1]
        assert {len(part) for part in beginnings} == {3}


def test_hold_out_tells_stories_apart_that_begin_alike() -> None:
    stories = [Question(context, "?", (), 0) for i in range(8) for context in ("It rains.", f"It rains.\n{i} left.")]
    rest, held_out = hold_out(stories, 0.25, 1)
    assert (len(rest), len(held_out)) == (12, 4)


@given(st.lists(st.sampled_from("ab"), min_size=3, max_size=40), st.integers(2, 3))
def test_folds_test_each_example_once(labels: list[str], count: int) -> None:
    examples = texts(labels)
    parts = list(folds(examples, count, seed=1))
    assert sorted((text for _, test in parts for text in test), key=lambda text: text.line) == examples
    assert all(sorted(train + test, key=lambda text: text.line) == examples for train, test in parts)
    sizes = [Counter(text.labels for text in test) for _, test in parts]
    assert all(max(s[("a",)] for s in sizes) - min(s[("a",)] for s in sizes) <= 1 for _ in sizes)


def test_splits_refuse_parts_without_examples() -> None:
    with pytest.raises(InvalidInput, match=r"fraction: must lie between 0 and 1, not 1\.5"):
        hold_out(texts("ab"), 1.5, 0)
    with pytest.raises(InvalidInput, match=r"fraction: must leave examples on both sides; 0\.1 of 2 examples does not"):
        hold_out(texts("ab"), 0.1, 0)
    with pytest.raises(InvalidInput, match=r"fraction: .* 0\.05 of 6 stories or passages does not"):
        hold_out(questions(), 0.05, 0)
    with pytest.raises(InvalidInput, match="folds: must be a whole number from 2 to the number of 2 examples, not 3"):
        folds(texts("ab"), 3, 0)
