"""Tagged texts as plain data: `TaggedText`, with `TaggedToken` and `TaggedSpan`; loads little."""

from __future__ import annotations

from dataclasses import dataclass

from models.model import Floats


@dataclass(frozen=True)
class TaggedToken:
    """A token of a text and its tag."""

    text: str
    begin: int
    """Character of the text where the token begins, from 0."""
    end: int
    """Character after its last one."""
    tag: str
    probability: float
    """Probability of the tag, whatever tags the other tokens have."""


@dataclass(frozen=True)
class TaggedSpan:
    """Tokens that BIO tags mark as one."""

    type: str
    text: str
    begin: int
    """Character of the text where the span begins, from 0."""
    end: int
    """Character after its last one."""
    begin_token: int
    """Position of its first token, from 0."""
    end_token: int
    """Position after its last token."""
    probability: float
    """Probability that exactly this span is there."""


@dataclass(frozen=True)
class TaggedText:
    """A text, its tokens with their tags, and the spans that they mark."""

    text: str
    tokens: tuple[TaggedToken, ...]
    spans: tuple[TaggedSpan, ...]
    probabilities: Floats
    """[T, K] probability of each of the tagger's tags at each token."""
