"""Sizes of a text, whatever a tokenizer makes of it, and what the spellings of its unknown words cost."""

from __future__ import annotations

from dataclasses import replace

from models.evaluation.metrics import Evaluation
from models.tokenization.encoding import Encoding
from models.tokenization.tokenizer import Tokenizer
from models.tokenization.words.char_classes import char_classes, padded_bytes
from models.tokenization.words.word_splitter import count_words


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
    logprobs = tokenizer.speller.logprobs(tokenizer.unknown_forms(text, encoding))
    return replace(evaluation, spelling_logprob=evaluation.spelling_logprob + float(logprobs.sum()))


def word_count(text: str, *, inside_word: bool = False) -> int:
    """Count the words of a text, which blanks separate; not one that began before it, with `inside_word`.

    >>> word_count("It isn't  well-known,\\nsaid she .")
    6
    """
    white_space = char_classes(1, pretokenized=True, control_tokens=False)
    return int(count_words(padded_bytes(text.encode()), white_space, inside_word)) - text.count("\n")
