"""Questions as readers see them: tokens of context and question, and which words they share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from models.errors import InvalidText
from models.model import Floats
from models.tasks.question_answering.sentences import split_sentences
from models.tasks.text import TaskText, encode_raw_text
from models.tokenization.raw_text import WHITESPACE, clean, unify_newlines
from models.tokenization.tokenizer import Tokenizer
from models.utils.arrays import Int64Array

MATCHES = 2
"""Numbers of `QuestionText.matches` for each token."""
_STEM = 4
"""Characters in which two words must begin alike to count as forms of one: more miss "moved" and "moving"."""

MAX_QUESTION_TOKENS = 512
"""Tokens of the longest question: each is compared with each of the context, which takes memory for both."""


@dataclass(frozen=True)
class QuestionText:
    """A tokenized context and the question about it."""

    raw: str
    """The context, as it was written."""
    context: TaskText
    """[T] its tokens; their forms are in lower case, so that words can be compared. At least one."""
    offsets: Int64Array
    """[T, 2] begin and end of each token in characters of `raw`."""
    sentences: tuple[TaskText, ...]
    """The sentences of the context, which hold all of its tokens."""
    question: TaskText
    """Tokens of the question, in lower case as well, with `</s>` at the end."""

    def __len__(self) -> int:
        """Return the tokens of context and question together."""
        return len(self.context) + len(self.question)

    @classmethod
    def of(cls, tokenizer: Tokenizer, context: str, question: str) -> QuestionText:
        """Tokenize a question. Raises InvalidText for a text without a word, or a very long question.

        >>> from models.tokenization.config import TokenizerConfig
        >>> tokenizer = Tokenizer(TokenizerConfig(), ["<unk>", "</s>", "Where", "Mary", "sat"])
        >>> QuestionText.of(tokenizer, "Mary sat there", "Where is Mary?").matches().tolist()
        [[1.0, 1.0], [0.0, 0.0], [0.0, 0.0]]
        """
        _check_words("context", context)
        tokens = encode_raw_text(tokenizer, context)
        forms = tuple(unify_newlines(context[begin:end]).lower() for begin, end in tokens.offsets.tolist())
        text = TaskText(np.array(tokens.ids, np.int64), forms)
        return cls(context, text, tokens.offsets, split_sentences(text), _tokenize_question(tokenizer, question))

    def with_question(self, tokenizer: Tokenizer, question: str) -> QuestionText:
        """Return another question about the same context, which is not tokenized again."""
        return replace(self, question=_tokenize_question(tokenizer, question))

    def matches(self) -> Floats:
        """Return whether the question holds each token [T, MATCHES]: the same word, one that begins alike."""
        words = {form for form in self.question.forms if form.isalnum()}
        stems = {word[:_STEM] for word in words}
        pairs = [(form in words, form.isalnum() and form[:_STEM] in stems) for form in self.context.forms]
        return np.array(pairs, np.float32).reshape(-1, MATCHES)

    def slice(self, first: int, last: int) -> tuple[int, int]:
        """Return the characters of `raw` from token `first` to token `last`, both included: begin and end."""
        return int(self.offsets[first, 0]), int(self.offsets[last, 1])


def _tokenize_question(tokenizer: Tokenizer, question: str) -> TaskText:
    _check_words("question", question)
    asked = TaskText.of(tokenizer, question)
    if len(asked) > MAX_QUESTION_TOKENS:
        raise InvalidText("question", f"at most {MAX_QUESTION_TOKENS - 1} tokens are accepted")
    return TaskText(asked.ids, tuple(form.lower() for form in asked.forms))


def _check_words(name: str, text: str) -> None:
    if not clean(text).strip(WHITESPACE):
        raise InvalidText(name, "a text with at least one word is accepted")


class DistinctTexts(NamedTuple):
    """Distinct sentences and questions of several `QuestionText`s, as an encoder reads them."""

    texts: list[TaskText]
    sentences: list[list[int]]
    """For each question the numbers of its context's sentences in `texts`."""
    questions: list[int]
    """For each question its own number in `texts`."""

    @classmethod
    def of(cls, questions: Sequence[QuestionText]) -> DistinctTexts:
        """Number the distinct sentences and questions."""
        numbers: dict[tuple[bytes, tuple[str, ...]], int] = {}
        texts: list[TaskText] = []

        def number(text: TaskText) -> int:
            place = numbers.setdefault((text.ids.tobytes(), text.forms), len(texts))
            if place == len(texts):
                texts.append(text)
            return place

        sentences = [[number(sentence) for sentence in question.sentences] for question in questions]
        return cls(texts, sentences, [number(question.question) for question in questions])
