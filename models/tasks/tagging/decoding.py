"""Tags and spans by probabilities of independent tokens, or of a chain of tags."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence

import numpy as np

from models.evaluation.spans import Span, bio_spans, has_spans
from models.tasks.tagging.chain import Chain
from models.tasks.tagging.tagger import Tagging
from models.utils.arrays import BoolArray, Float64Array, Int64Array

_PAUSE_SPANS = 16
"""Spans between two pauses: with 300 tags, their probabilities take some 50 milliseconds."""
NO_TAGS = np.zeros(0, np.int64)
"""The sequence of tags of an empty sentence."""


def tag_independently(logprobs: Float64Array, tags: Sequence[str]) -> Tagging:
    """Give each token its most probable tag, by log-probabilities [T, K]."""
    path, probabilities = logprobs.argmax(1), np.exp(logprobs)
    spans = [
        (span, float(np.prod([row[mask].sum() for row, mask in zip(probabilities[begin:], masks, strict=False)])))
        for span, begin, masks in _span_events(path, tags)
    ]
    return Tagging(path, probabilities.astype(np.float32), tuple(spans))


def tag_chain(chain: Chain, state_tags: Sequence[Int64Array], tags: Sequence[str]) -> Generator[int, None, Tagging]:
    """Give a sentence the most probable sequence of a chain.

    Yields 0 in a long one, so that other work can run. `state_tags`: for each position, the tag of each of its states
    [S].
    """
    yield from chain.compute()
    path = np.array([of[state] for of, state in zip(state_tags, chain.best_path(), strict=True)], np.int64)
    probabilities = np.zeros((len(path), len(tags)))
    for row, of, logprobs in zip(probabilities, state_tags, chain.marginals(), strict=True):
        np.add.at(row, of, np.exp(logprobs))
    spans = []
    for span, begin, masks in _span_events(path, tags):
        allowed = [mask[of] for mask, of in zip(masks, state_tags[begin:], strict=False)]
        spans.append((span, min(1.0, float(np.exp(chain.log_probability(begin, allowed))))))
        if len(spans) % _PAUSE_SPANS == 0:
            yield 0
    return Tagging(path, probabilities.astype(np.float32), tuple(spans))


def nothing(tags: Sequence[str]) -> Tagging:
    """Return the tags of an empty sentence."""
    return Tagging(NO_TAGS, np.zeros((0, len(tags)), np.float32))


def _span_events(path: Int64Array, tags: Sequence[str]) -> Iterator[tuple[Span, int, list[BoolArray]]]:
    """Yield the spans of BIO tags, each with a position and the tags [K] that are allowed from there on.

    Its own tokens have their tags; the token behind it does not go on, and where it begins with `I-`, the token before
    it is of another type.
    """
    if not has_spans(tags):
        return
    names = np.array(tags)
    for span in bio_spans([tags[i] for i in path]):
        inside, first = names == f"I-{span.type}", span.begin
        masks = [np.arange(len(tags)) == path[i] for i in range(span.begin, span.end)]
        if span.end < len(path):
            masks.append(~inside)
        if inside[path[span.begin]] and span.begin:
            first -= 1
            masks.insert(0, ~inside & (names != f"B-{span.type}"))
        yield span, first, masks
