"""Figures of taggers: precision, recall and F1 of the spans that BIO tags mark, and accuracy of tags.

Spans are found and scored as the CoNLL shared tasks' `conlleval` does (Tjong Kim Sang and Buchholz 2000): a span is
right if its type, begin and end are, and F1 is that of all spans together. `I-` begins a span where no span of its
type goes on, so that tags without any `B-` have spans as well.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import NamedTuple

from models.errors import InvalidInput
from models.evaluation.classification import Figures, f_score, ratio


class Span(NamedTuple):
    """Tokens that tags mark as one: a name, a phrase."""

    type: str
    begin: int
    """Position of its first token, from 0."""
    end: int
    """Position after its last token."""


def bio_spans(tags: Sequence[str]) -> list[Span]:
    """Return the spans of a sentence, in order. Tags but `B-type` and `I-type` stand outside of all spans.

    >>> bio_spans(["B-PER", "I-PER", "O", "I-LOC", "B-LOC"])
    [Span(type='PER', begin=0, end=2), Span(type='LOC', begin=3, end=4), Span(type='LOC', begin=4, end=5)]
    """
    spans: list[Span] = []
    for i, tag in enumerate(tags):
        prefix, _, kind = tag.partition("-")
        if prefix == "I" and spans and spans[-1].end == i and spans[-1].type == kind:
            spans[-1] = Span(kind, spans[-1].begin, i + 1)
        elif prefix in ("B", "I"):
            spans.append(Span(kind, i, i + 1))
    return spans


def has_spans(tags: Iterable[str]) -> bool:
    """Whether a set of tags is BIO: `O`, and tags that begin with `B-` or `I-`."""
    tags = set(tags)
    return tags != {"O"} and all(tag == "O" or tag.startswith(("B-", "I-")) for tag in tags)


def tagging_figures(
    gold: Sequence[Sequence[str]],
    predicted: Sequence[Sequence[str]],
    unseen: Sequence[Sequence[bool]] | None = None,
) -> Figures:
    """Return the figures of tagged sentences: finite numbers, or None.

    Where the right tags are BIO, precision, recall and F1 are those of spans, of all and of each type.

    Args:
        gold, predicted: tags of each sentence.
        unseen: whether each token did not occur in training; with it the figures have `accuracy_unseen`.

    Raises:
        InvalidInput: there is no sentence.
    """
    if not gold:
        raise InvalidInput("files", "must hold sentences to evaluate; there is none")
    right = [a == b for pair in zip(gold, predicted, strict=True) for a, b in zip(*pair, strict=True)]
    figures: Figures = {"accuracy": ratio(sum(right), len(right)), "tokens": len(right), "sentences": len(gold)}
    if unseen is not None:
        hits = [hit for hit, new in zip(right, chain.from_iterable(unseen), strict=True) if new]
        figures |= {"accuracy_unseen": ratio(sum(hits), len(hits)), "unseen_tokens": len(hits)}
    return figures | (_span_figures(gold, predicted) if has_spans(chain.from_iterable(gold)) else {})


def _span_figures(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> Figures:
    gold_spans, predicted_spans = _numbered_spans(gold), _numbered_spans(predicted)
    hits, found, support = (
        Counter(span.type for _, span in spans) for spans in (gold_spans & predicted_spans, predicted_spans, gold_spans)
    )
    types = sorted(support | found)
    return {
        **f_score(hits.total(), found.total(), support.total()),
        "types": [{"type": kind, **f_score(hits[kind], found[kind], support[kind])} for kind in types],
    }


def _numbered_spans(sentences: Sequence[Sequence[str]]) -> set[tuple[int, Span]]:
    return {(i, span) for i, tags in enumerate(sentences) for span in bio_spans(tags)}
