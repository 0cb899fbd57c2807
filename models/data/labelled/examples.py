"""Examples as plain data: `LabelledText`, `TaggedSentence`, and `Question` with its `Answer`s."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class LabelledText:
    """A text and its label, or its labels."""

    text: str
    labels: tuple[str, ...]
    """Exactly one, unless the data has several labels a text, or none."""
    line: int
    """Line of the file where the example begins, from 1."""


@dataclass(frozen=True)
class TaggedSentence:
    """A sentence split into tokens, with a tag for each."""

    tokens: tuple[str, ...]
    tags: tuple[str, ...]
    """As many as `tokens`."""
    line: int
    """Line of the file where the sentence begins, from 1."""


@dataclass(frozen=True)
class Answer:
    """An answer, and where in the context it stands."""

    text: str
    start: int | None
    """Character of the context where `text` begins, from 0; None where the answer is no part of it, as "yes"."""


@dataclass(frozen=True)
class Question:
    """A question about a context, and the answers that count as right."""

    context: str
    """Passage or story; the sentences of a bAbI story are joined by newlines."""
    question: str
    answers: tuple[Answer, ...]
    """Empty where the context does not answer the question."""
    line: int
    """Line of the file where the question stands, from 1; in SQuAD's JSON the number of the question, from 1."""
    supporting: tuple[int, ...] = ()
    """Sentences of the context that the answer follows from, from 0, where the data tells them."""
    file: str = field(default="", compare=False)
    """Name of the file that it was read from."""
