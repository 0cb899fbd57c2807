"""Occlusion: which words carried a label, measured by leaving out each in turn.

The effect of a word is log P(label | text) - log P(label | text without the word), in nats: positive where the word
spoke for the label (Li, Monroe and Jurafsky 2016). Effects do not add up to anything: two words that say the same hide
each other's.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.errors import InvalidText, naming_item
from models.model import Floats
from models.tasks.classification.classifier import TextClassifier
from models.tasks.classification.word_effect import WordEffect
from models.tasks.text import TaskText, encode_raw_text, token_chunks
from models.tokenization.raw_text import BYTE_ORDER_MARK, WHITESPACE
from models.tokenization.tokenizer import Tokenizer

MAX_WORDS = 512
"""Words of the longest text that is explained; time grows with the square of their number."""
_WORD = re.compile(rf"[^{WHITESPACE}]+")


class _Word(NamedTuple):
    """Place of a word in a text: its characters, and its tokens."""

    begin: int
    end: int
    tokens: slice


def explain_label(
    classifier: TextClassifier, tokenizer: Tokenizer, text: str, label: int
) -> Generator[int, None, list[WordEffect]]:
    """Return the effect of each word on column `label`; yields the tokens of each chunk when it is done.

    Raises InvalidText for a text of more than MAX_WORDS words.
    """
    whole = TaskText.of(tokenizer, text)
    words = find_words(tokenizer, text)
    if len(words) > MAX_WORDS:
        raise InvalidText("text", f"is explained where it has at most {MAX_WORDS} words, not {len(words)}")
    logprobs = yield from _label_logprobs(
        classifier, [whole, *(leave_out(whole, word.tokens) for word in words)], label
    )
    effects = (logprobs[0] - logprobs[1:]).tolist()
    return [
        WordEffect(text[word.begin : word.end], word.begin, word.end, effect)
        for word, effect in zip(words, effects, strict=True)
    ]


def explain_best_labels(
    classifier: TextClassifier, tokenizer: Tokenizer, texts: Sequence[str], logprobs: Floats
) -> Generator[int, None, list[list[WordEffect]]]:
    """Return the effect of each text's words on its most probable label; yields as `explain_label`.

    `logprobs` [N, L] are those of the texts' labels. Raises InvalidText, naming the text where there are several.
    """
    results = []
    for i, (text, label) in enumerate(zip(texts, logprobs.argmax(1).tolist(), strict=True)):
        with naming_item(i, text=len(texts)):
            results.append((yield from explain_label(classifier, tokenizer, text, label)))
    return results


def find_words(tokenizer: Tokenizer, text: str) -> list[_Word]:
    """Return the words of a text: its tokens, or what blanks separate where tokens are parts of words."""
    offsets = encode_raw_text(tokenizer, text).offsets
    if tokenizer.config.kind == "word":
        places = enumerate(offsets.tolist())
        return [_Word(begin, end, slice(i, i + 1)) for i, (begin, end) in places if text[begin:end].strip(WHITESPACE)]
    # A token of bytes may begin with the blank before its word, so that ends tell where tokens belong.
    ends = offsets[:, 1]
    words = []
    for match in _WORD.finditer(text, len(text) - len(text.removeprefix(BYTE_ORDER_MARK))):
        first, stop = np.searchsorted(ends, match.span(), "right").tolist()
        words.append(_Word(match.start(), match.end(), slice(first, max(stop, first + 1))))
    return words


def leave_out(text: TaskText, tokens: slice) -> TaskText:
    """Return a text without some of its tokens.

    >>> text = TaskText(np.array([5, 6, 1]), ("not", "bad", "</s>"))
    >>> leave_out(text, slice(0, 1)).forms
    ('bad', '</s>')
    """
    forms = text.forms[: tokens.start] + text.forms[tokens.stop :]
    return TaskText(np.concatenate([text.ids[: tokens.start], text.ids[tokens.stop :]]), forms)


def _label_logprobs(
    classifier: TextClassifier, texts: Sequence[TaskText], label: int
) -> Generator[int, None, NDArray[np.float64]]:
    """Return the log-probability [B] of one label for each text, in nats."""
    logprobs = np.empty(len(texts))
    for rows in token_chunks([len(text) for text in texts], classifier.chunk_tokens):
        logprobs[rows] = classifier.logprobs([texts[row] for row in rows])[:, label]
        yield sum(len(texts[row]) for row in rows)
    return logprobs
