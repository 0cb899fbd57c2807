"""Hidden Markov taggers: against the enumeration of all sequences of tags; checkpoints."""

import tracemalloc
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import CheckpointDamaged
from models.model import Tensors
from models.tasks.tagging.config import HmmTaggerConfig
from models.tasks.tagging.hmm.model import HmmTagger
from models.tasks.tagging.hmm.suffixes import to_characters
from models.tasks.text import TaskText

TAGS, VOCABULARY = ("DT", "NN", "VB"), 5


def tensors(order: int, seed: int) -> Tensors:
    """Make a model of two unknown and three known words, with 1, 2 and 3 tags."""
    random = np.random.default_rng(seed)
    shape = (len(TAGS) + 1,) * order
    transitions = random.dirichlet(np.ones(shape[-1]), shape[:-1])
    return {
        "transitions": np.log(transitions).astype(np.float32),
        "word_begins": np.array([0, 0, 0, 1, 3, 6]),
        "word_tags": np.array([0, 1, 2, 0, 1, 2], np.int32),
        "word_scores": random.normal(-2, 1, 6).astype(np.float32),
        "suffix_keys": to_characters(["A", "a", "as"]),
        "suffix_tags": np.array([[1, 2], [1, 2], [2, 0]], np.int32),
        "suffix_scores": random.normal(0, 1, (3, 2)).astype(np.float32),
    }


def tagger(order: int, seed: int = 1) -> HmmTagger:
    return HmmTagger(HmmTaggerConfig(order), TAGS, VOCABULARY, tensors(order, seed))


def all_sequences(model: HmmTagger, text: TaskText) -> dict[tuple[int, ...], float]:
    """Return the probabilities of all sequences of tags, by multiplying along each."""
    order, table = model.settings.order, model.tensors()["transitions"].astype(np.float64)
    scores = {}
    for path in product(range(len(TAGS)), repeat=len(text)):
        score, history = 0.0, [len(TAGS)] * (order - 1)
        for tag, token, form in zip(path, text.ids, text.forms, strict=True):
            tags, emitted = model.word_tags(int(token), form)
            score += table[(*history, tag)] + dict(zip(tags.tolist(), emitted, strict=True)).get(tag, -np.inf)
            history = [*history, tag][1:]
        scores[path] = score + table[(*history, len(TAGS))]
    total = np.logaddexp.reduce(list(scores.values()))
    return {path: float(np.exp(score - total)) for path, score in scores.items()}


@given(st.sampled_from([2, 3]), st.lists(st.integers(0, 4), min_size=1, max_size=5), st.integers(0, 1000))
def test_hmm_tagger_sums_over_all_sequences_of_tags(order: int, ids: list[int], seed: int) -> None:
    model, text = tagger(order, seed), TaskText(np.array(ids), tuple("xs" if i else "Xt" for i in ids))
    probabilities, (tagging,) = all_sequences(model, text), model.tag([text])
    assert probabilities[tuple(tagging.path.tolist())] == pytest.approx(max(probabilities.values()))
    for position, tag in product(range(len(ids)), range(len(TAGS))):
        expected = sum(p for path, p in probabilities.items() if path[position] == tag)
        assert tagging.probabilities[position, tag] == pytest.approx(expected, abs=1e-6)


def test_hmm_tagger_of_a_long_line_takes_little_memory() -> None:
    unknown = {
        "transitions": np.zeros((13, 13, 13), np.float32),
        "word_begins": np.zeros(2, np.int64),
        "word_tags": np.zeros(0, np.int32),
        "word_scores": np.zeros(0, np.float32),
        "suffix_keys": to_characters(["A", "a"]),
        "suffix_tags": np.tile(np.arange(12, dtype=np.int32), (2, 1)),
        "suffix_scores": np.zeros((2, 12), np.float32),
    }
    model = HmmTagger(HmmTaggerConfig(3), tuple(map(str, range(12))), 1, unknown)
    tracemalloc.start()
    (tagging,) = model.tag([TaskText(np.zeros(200, np.int64), ("x",) * 200)])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert np.allclose(tagging.probabilities, 1 / 12)
    assert peak < 5_000_000  # the steps between any two pairs of tags would be 144 x 144 numbers a token: 33 MB


def test_hmm_tagger_of_an_empty_sentence_gives_no_tags() -> None:
    (tagging,) = tagger(3).tag([TaskText(np.zeros(0, np.int64), ())])
    assert (len(tagging.path), tagging.probabilities.shape) == (0, (0, 3))


@pytest.mark.parametrize("order", [2, 3])
def test_hmm_tagger_is_bit_equal_after_a_checkpoint(order: int) -> None:
    model, text = tagger(order), TaskText(np.array([2, 0, 4, 3]), ("the", "Xs", "cat", "sat"))
    loaded = HmmTagger.from_tensors(model.config(), model.tensors(), VOCABULARY)
    loaded.check()
    assert (loaded.tags, loaded.settings) == (model.tags, model.settings)
    assert (loaded.tag([text])[0].probabilities == model.tag([text])[0].probabilities).all()


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("transitions", np.zeros((4, 4), np.float32)),
        ("word_scores", np.full(6, np.nan, np.float32)),
        ("word_scores", np.zeros(5, np.float32)),
        ("word_tags", np.array([0, 1, 2, 0, 1, 3], np.int32)),
        ("word_begins", np.array([0, 0, 0, 3, 1, 6])),
        ("suffix_tags", np.zeros((2, 2), np.int32)),
        ("suffix_scores", np.zeros((3, 1), np.float32)),
        ("suffix_keys", np.ones((3, 2), np.int32)),
        ("suffix_keys", np.full((3, 2), 0x110000, np.int32)),
        ("suffix_keys", None),
        ("more", np.zeros(1, np.float32)),
    ],
)
def test_hmm_tagger_from_tensors_names_the_tensor_that_does_not_fit(name: str, array: np.ndarray | None) -> None:
    model = tagger(3)
    changed = {n: t for n, t in (model.tensors() | {name: array}).items() if t is not None}
    with pytest.raises(CheckpointDamaged, match=f"tensor {name}"):
        HmmTagger.from_tensors(model.config(), changed, VOCABULARY)


def test_hmm_tagger_from_tensors_refuses_settings_that_it_does_not_know() -> None:
    model = tagger(3)
    for wrong in ({"hmm": {"order": 9}}, {"tags": [1, 2, 3]}, {"tags": ["x", "x", "y"]}, {"tags": 3}):
        with pytest.raises(CheckpointDamaged, match="config"):
            HmmTagger.from_tensors(model.config() | wrong, model.tensors(), VOCABULARY)
