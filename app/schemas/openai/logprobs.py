"""Log-probabilities of tokens as OpenAI's completions tell them: four lists of one length."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from app.core.exceptions import ModelFailed
from models.tokenization.token_names import TokenNames

ZERO_LOGPROB = -9999.0
"""What stands for the logarithm of zero, which JSON lacks."""


class LogprobLists:
    """Lists of tokens, their log-probabilities, alternatives and offsets, which grow token by token."""

    def __init__(self, names: TokenNames) -> None:
        self._names = names
        self._tokens: list[str] = []
        self._logprobs: list[float | None] = []
        self._best: list[dict[str, float] | None] = []
        self._offsets: list[int] = []

    def add(self, token: int, logprob: float | None, best: Iterable[tuple[int, float]], offset: int) -> None:
        """Append a token (internal id), its log P in nats, and the `best` ones in its place.

        The token itself joins these. A log P of None is that of the first token of a prompt, which is told
        without. Raises ModelFailed for NaN and +inf.
        """
        name = token_name(self._names, token)
        self._tokens.append(name)
        self._offsets.append(offset)
        if logprob is None:
            self._logprobs.append(None)
            self._best.append(None)
            return
        value = _finite(logprob)
        self._logprobs.append(value)
        # Last, so that where another token has the same name the number is that of this one.
        self._best.append({token_name(self._names, other): _finite(number) for other, number in best} | {name: value})

    def copy(self) -> LogprobLists:
        """Return lists that grow apart from these."""
        other = LogprobLists(self._names)
        other._tokens, other._logprobs = self._tokens.copy(), self._logprobs.copy()
        other._best, other._offsets = self._best.copy(), self._offsets.copy()
        return other

    def content(self) -> dict[str, Any]:
        """Return the JSON content."""
        return {
            "tokens": self._tokens,
            "token_logprobs": self._logprobs,
            "top_logprobs": self._best,
            "text_offset": self._offsets,
        }


def token_name(names: TokenNames, token: int) -> str:
    r"""Return how a token is named: by its text, or by its bytes where these are no whole characters.

    >>> token_name(TokenNames.of_bytes([b"<unk>", b"</s>", bytes([0xE2, 0x80])]), 2)
    'bytes:\\xe2\\x80'
    """
    if token in names.incomplete:
        return "bytes:" + "".join(f"\\x{byte:02x}" for byte in names.incomplete[token])
    return names.texts[token]


def _finite(logprob: float) -> float:
    if logprob == -math.inf:
        return ZERO_LOGPROB
    if not logprob < math.inf:
        raise ModelFailed from ArithmeticError(f"the model gave the log-probability {logprob}")
    return logprob
