"""Figures of a fill-in model on plain text: how well it tells each token from the rest of its line."""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.data.corpus import Corpus
from models.model import Floats, TokenIds
from models.special_tokens import EOS
from models.tasks.fill_in.fill_in_model import FillInModel, word_positions
from models.tasks.text import token_chunks
from models.tokenization.tokenizer import Tokenizer

MAX_LINE_TOKENS = 1024
"""Longest line that is read at once; longer ones, such as a text of characters, are cut into pieces."""
TOP_RANKS = 10
"""Tokens of highest probability among which `accuracy_at_10` looks for the right one."""

_LARGEST_LOSS = 700.0
"""Nats whose exponential a float still holds."""


class MaskedWords(NamedTuple):
    """Ranks and log-probabilities of the masked tokens of a text."""

    ranks: NDArray[np.int64]
    """[N] how many tokens are more probable than the right one."""
    logprobs: Floats
    """[N] log P of the right token in nats."""

    @property
    def accuracy(self) -> float:
        """Share of tokens that are the most probable ones; 0 without any."""
        return float((self.ranks == 0).mean()) if len(self.ranks) else 0.0

    @property
    def accuracy_at_10(self) -> float:
        """Share of tokens among the ten most probable ones; 0 without any."""
        return float((self.ranks < TOP_RANKS).mean()) if len(self.ranks) else 0.0

    @property
    def loss(self) -> float:
        """Mean of -log P in nats; 0 without any."""
        return float(-self.logprobs.mean(dtype=np.float64)) if len(self.ranks) else 0.0


def measure_fill_in(
    model: FillInModel, lines: Sequence[TokenIds], oov: Sequence[NDArray[np.bool_]]
) -> Generator[int, None, MaskedWords]:
    """Mask each token of `lines` in turn but `</s>` and those that are `oov`; yields tokens done.

    The results are in the order of the text.
    """
    positions = [word_positions(line)[~unknown[:-1]] for line, unknown in zip(lines, oov, strict=True)]
    ends = np.cumsum([0, *map(len, positions)])
    ranks, scores = np.zeros(ends[-1], np.int64), np.zeros(ends[-1], np.float32)
    for rows in token_chunks([len(line) for line in lines], model.chunk_tokens):
        texts, places = [lines[row] for row in rows], [positions[row] for row in rows]
        targets = np.concatenate([text[place] for text, place in zip(texts, places, strict=True)])
        slots, begin = np.concatenate([np.arange(ends[row], ends[row + 1]) for row in rows]), 0
        for logprobs in model.sliced_logprobs(texts, places):
            part = slice(begin, begin + len(logprobs))
            ranks[slots[part]], scores[slots[part]] = _rank(logprobs, targets[part])
            begin = part.stop
            yield 0  # so that other work can run between the slices of a long text
        yield sum(map(len, texts))
    return MaskedWords(ranks, scores)


def evaluate_fill_in(model: FillInModel, tokenizer: Tokenizer, text: Corpus) -> Generator[int, None, dict[str, Any]]:
    """Return figures of a model on a text, each line read on its own, JSON-ready; yields tokens done.

    Tokens out of vocabulary are counted apart, and read as `<unk>` beside those that are told. Figures that are
    infinite, or of no token at all, are None.
    """
    lines, oov = encode_lines(text, tokenizer)
    masked = yield from measure_fill_in(model, lines, oov)
    count = len(masked.ranks)
    return {
        "token_count": count,
        "oov_count": int(sum(part.sum() for part in oov)),
        "accuracy": masked.accuracy if count else None,
        "accuracy_at_10": masked.accuracy_at_10 if count else None,
        "pseudo_perplexity": math.exp(masked.loss) if count and masked.loss < _LARGEST_LOSS else None,
    }


def encode_lines(
    text: Corpus, tokenizer: Tokenizer, max_tokens: int = MAX_LINE_TOKENS
) -> tuple[list[TokenIds], list[NDArray[np.bool_]]]:
    """Return the lines of a text, each with `</s>` at its end, and which tokens are out of vocabulary.

    Lines of more than `max_tokens` tokens are cut into pieces, which end with `</s>` as well; empty ones are left out.
    """
    ids_parts, oov_parts = [], []
    for chunk in text.chunks():
        encoding = tokenizer.encode(chunk)
        ids_parts.append(encoding.ids.astype(np.int64))
        oov_parts.append(encoding.oov)
    ids, oov = np.concatenate(ids_parts), np.concatenate(oov_parts)
    ends = np.flatnonzero(ids == EOS) if tokenizer.config.text_end else np.zeros(0, np.int64)
    lines, unknown = [], []
    for begin, end in zip([0, *(ends + 1).tolist()], [*ends.tolist(), len(ids)], strict=True):
        for start in range(begin, end, max_tokens):
            stop = min(end, start + max_tokens)
            lines.append(np.append(ids[start:stop], EOS))
            unknown.append(np.append(oov[start:stop], False))
    return lines, unknown


def _rank(logprobs: Floats, targets: TokenIds) -> tuple[NDArray[np.int64], Floats]:
    """Return the rank and the log-probability of the target [N] of each row [N, V]."""
    own = np.take_along_axis(logprobs, targets[:, None], 1)
    return (logprobs > own).sum(1), own[:, 0]
