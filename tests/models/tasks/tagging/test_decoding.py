"""From probabilities to tags and spans: against the enumeration of all sequences of tags."""

from itertools import product

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.evaluation.spans import Span, bio_spans
from models.tasks.tagging.chain import Chain
from models.tasks.tagging.decoding import tag_chain, tag_independently
from models.utils.arrays import Float64Array
from models.utils.progress import run_to_completion

TAGS = ("B-x", "B-y", "I-x", "O")


def logprobs(tokens: int, seed: int) -> Float64Array:
    scores = np.random.default_rng(seed).normal(0, 2, (tokens, len(TAGS)))
    normalized: Float64Array = scores - np.logaddexp.reduce(scores, 1, keepdims=True)
    return normalized


def span_probability(span: Span, path: list[str], probabilities: dict[tuple[int, ...], float]) -> float:
    """Sum the probabilities of the sequences of tags that mark a span with the tags that it has in `path`."""
    total = 0.0
    for numbers, probability in probabilities.items():
        tags = [TAGS[i] for i in numbers]
        same = tags[span.begin : span.end] == path[span.begin : span.end]
        total += probability * (same and span in bio_spans(tags))
    return total


@given(st.integers(1, 5), st.integers(0, 10_000))
def test_tag_independently_multiplies_the_probabilities_of_tokens(tokens: int, seed: int) -> None:
    scores = logprobs(tokens, seed)
    tagging = tag_independently(scores, TAGS)
    assert tagging.path.tolist() == scores.argmax(1).tolist()
    assert np.allclose(tagging.probabilities, np.exp(scores))
    every = {path: np.exp(scores[range(tokens), path].sum()) for path in product(range(len(TAGS)), repeat=tokens)}
    path = [TAGS[i] for i in tagging.path]
    assert [span for span, _ in tagging.spans] == bio_spans(path)
    for span, probability in tagging.spans:
        assert np.isclose(probability, span_probability(span, path, every))


@given(st.integers(1, 5), st.integers(0, 10_000))
def test_tag_chain_sums_the_sequences_of_the_chain(tokens: int, seed: int) -> None:
    scores, transitions = logprobs(tokens, seed), logprobs(len(TAGS), seed + 1)
    steps = [transitions + row for row in scores[1:]]
    chain = Chain(scores[0], steps)
    tagging = run_to_completion(tag_chain(chain, [np.arange(len(TAGS))] * tokens, TAGS))
    assert np.allclose(tagging.probabilities, np.exp(chain.marginals()))
    every = {
        path: np.exp(scores[range(tokens), path].sum() + transitions[path[:-1], path[1:]].sum() - chain.log_total)
        for path in product(range(len(TAGS)), repeat=tokens)
    }
    path = [TAGS[i] for i in tagging.path]
    assert tuple(tagging.path.tolist()) == max(every, key=lambda numbers: every[numbers])
    for span, probability in tagging.spans:
        assert np.isclose(probability, span_probability(span, path, every))


def test_tag_chain_adds_states_of_one_tag() -> None:
    # States 0 and 1 are both of tag 0: together they are more probable than state 2.
    chain = Chain(np.log([0.3, 0.3, 0.4]), [])
    tagging = run_to_completion(tag_chain(chain, [np.array([0, 0, 1])], ["NN", "VB"]))
    assert np.allclose(tagging.probabilities, [[0.6, 0.4]])
    assert tagging.spans == ()


def test_tag_chain_pauses_between_many_spans() -> None:
    steps = [np.zeros((4, 4))] * 99
    pauses = list(tag_chain(Chain(np.log([0.7, 0.1, 0.1, 0.1]), steps), [np.arange(4)] * 100, TAGS))
    assert pauses == [0] * (100 // 16)  # of equal tags, B-x is the first: 100 spans, and a pause after every 16
