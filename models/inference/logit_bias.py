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
    if key.isascii() and key.isdigit():
        return _find_id(tokenizer, key)
    encoding = tokenizer.encode(key)
    if len(encoding.ids) == 1 and not encoding.oov[0]:
        return int(encoding.ids[0])
    token = tokenizer.names.find(key)
    if token is None:
        count = len(encoding.ids)
        reason = "is not in the vocabulary" if count == 1 else f"is {count} tokens"
        raise InvalidInput(f"{FIELD}.{key}", f"must be a token id or the text of one token; this {reason}")
    return token


def _find_id(tokenizer: Tokenizer, digits: str) -> int:
    try:
        return int(tokenizer.internal_ids([int(digits)])[0]) if len(digits) <= MAX_ID_DIGITS else _refuse_id(digits)
    except InvalidInput:
        return _refuse_id(digits)


def _refuse_id(digits: str) -> int:
    raise InvalidInput(f"{FIELD}.{digits}", "no token has this id")
