"""Sizes of a text, whatever a tokenizer makes of it, and what the spellings of its unknown words cost."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from models.evaluation.metrics import Evaluation
from models.tokenization.encoding import Encoding
from models.tokenization.tokenizer import Tokenizer
from models.tokenization.words.char_classes import CharClasses, char_classes, padded_bytes
from models.tokenization.words.word_splitter import count_words, count_words_by_text
from models.utils.arrays import Int64Array


def count_text(
    evaluation: Evaluation, text: str, encoding: Encoding, tokenizer: Tokenizer, inside_word: bool = False
) -> Evaluation:
    """Return an evaluation with the size of more text, and the spellings of its unknown words.

    None of its tokens is scored by that. `inside_word`: a word before it may go on in it.
    """
    evaluation = evaluation.add_sizes(
        len(text), len(text.encode()), word_count(text, inside_word=inside_word), text.count("\n")
    )
    if not encoding.oov.any():
        return evaluation
    logprob = float(tokenizer.spelling_logprobs(text, encoding).sum())
    return replace(evaluation, spelling_logprob=evaluation.spelling_logprob + logprob)


def word_counts(texts: bytes, ends: Int64Array) -> Int64Array:
    """Return the `word_count` of each of N texts laid end to end in UTF-8, which end before `ends` [N].

    >>> word_counts(b"It isn't\\n so", np.array([9, 9, 12])).tolist()
    [2, 0, 1]
    """
    counts = np.empty(len(ends), np.int64)
    count_words_by_text(padded_bytes(texts), ends, _white_space(), counts)
    return counts


def word_count(text: str, *, inside_word: bool = False) -> int:
    """Count the words of a text, which blanks separate; not one that began before it, with `inside_word`.

    >>> word_count("It isn't  well-known,\\nsaid she .")
    6
    """
    return int(count_words(padded_bytes(text.encode()), _white_space(), inside_word)) - text.count("\n")


def _white_space() -> CharClasses:
    return char_classes(1, pretokenized=True, control_tokens=False)
