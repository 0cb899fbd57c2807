"""Logit bias as users write it, by token id or by a token's text, and as `SamplingParams` has it."""

from __future__ import annotations

from collections.abc import Mapping

from models.errors import InvalidInput
from models.tokenization.tokenizer import Tokenizer

FIELD = "logit_bias"
MAX_ID_DIGITS = 9
"""Digits of the largest id that is looked up: no vocabulary is as large as that."""


def parse_logit_bias(tokenizer: Tokenizer, biases: Mapping[str, float]) -> tuple[tuple[int, float], ...]:
    """Return biases by internal token id; a key of `biases` is an id in digits, or the text of a token.

    Raises InvalidInput for a key that is no token of the vocabulary.

    >>> from models.tokenization.config import TokenizerConfig
    >>> tokenizer = Tokenizer(TokenizerConfig(), ["<unk>", "</s>", "the", "cat"])
    >>> parse_logit_bias(tokenizer, {"cat": 2.0, "2": -1.0, "</s>": -100.0})
    ((3, 2.0), (2, -1.0), (1, -100.0))
    """
    return tuple((_find_token(tokenizer, key), float(bias)) for key, bias in biases.items())


def _find_token(tokenizer: Tokenizer, key: str) -> int:
    """Return the internal id of a token, told by its id or its text."""
    if key.isascii() and key.isdigit():
        return _find_id(tokenizer, key)
    # Bytes that are no whole character are all shown as U+FFFD, which names none of them.
    token = None if "\ufffd" in key else tokenizer.names.find(key)
    return _read_token(tokenizer, key) if token is None else token


def _find_id(tokenizer: Tokenizer, digits: str) -> int:
    try:
        if len(digits) <= MAX_ID_DIGITS:
            return int(tokenizer.internal_ids([int(digits)])[0])
    except InvalidInput:
        pass
    raise InvalidInput(f"{FIELD}.{digits}", "no token has this id")


def _read_token(tokenizer: Tokenizer, text: str) -> int:
    """Return the one token that `text` is read as, case folded and blanks put where the tokenizer does."""
    encoding = tokenizer.encode(text)
    if len(encoding.ids) == 1 and not encoding.oov[0]:
        return int(encoding.ids[0])
    count = len(encoding.ids)
    reason = "is not in the vocabulary" if count == 1 else f"is {count} tokens"
    raise InvalidInput(f"{FIELD}.{text}", f"must be a token id or the text of one token; this {reason}")
