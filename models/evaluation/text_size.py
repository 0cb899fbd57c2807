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
    """Return the evaluation of a longer text: with the size of `text`, and the spellings of its unknown words.

    None of its tokens is scored yet. `inside_word`: a word before it may go on in it.
    """
    data, lines = text.encode(), text.count("\n")
    white_space = char_classes(1, pretokenized=True, control_tokens=False)
    words_and_lines = count_words(padded_bytes(data), white_space, inside_word)
    evaluation = evaluation.add_sizes(len(text), len(data), int(words_and_lines) - lines, lines)
    if not encoding.oov.any():
        return evaluation
    logprobs = tokenizer.speller.logprobs(tokenizer.unknown_forms(text, encoding))
    return replace(evaluation, spelling_logprob=evaluation.spelling_logprob + float(logprobs.sum()))
