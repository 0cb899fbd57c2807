"""Log-probabilities of many rows of tokens at once: rows of like length share a batch, long rows go in slices.

It knows batches and how much to score between two yields; it does not know what is made of the numbers. Padding costs
little because rows are sorted by length, and changes nothing because a model reads only a row's own tokens.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from models.base import EOS, LanguageModel, State, select
from models.reading import Row, padded, read_all
from models.tokenizer import Encoding, Tokenizer

Ids = NDArray[np.int32]
Scores = NDArray[np.float32]
Result = TypeVar("Result")

ROWS_AT_ONCE = 64
"""More rows than this add memory and no speed."""


@dataclass(frozen=True)
class TextScore:
    """What a model says of one text.

    ids: [T] its tokens, `</s>` last where the end was scored.
    oov: [T] whether the vocabulary lacks the surface form.
    logprobs: [T] log P(token | all before it) in nats, -inf where a model gives no probability.
    """

    text: str
    ids: Ids
    oov: NDArray[np.bool_]
    logprobs: Scores

    @property
    def logprob(self) -> float:
        """Log P of the whole text in nats."""
        return float(self.logprobs.sum(dtype=np.float64))

    @property
    def token_count(self) -> int:
        """How many tokens were scored, the end included where it was."""
        return len(self.ids)

    @property
    def oov_count(self) -> int:
        """How many of them the vocabulary lacks."""
        return int(self.oov.sum())

    def tokens(self, tokenizer: Tokenizer) -> list[str]:
        """The surface forms [T] as the text has them, also where the vocabulary lacks them."""
        surfaces = tokenizer.tokens(self.text)
        return surfaces + [tokenizer.vocabulary[EOS]] * (self.token_count - len(surfaces))


def score_texts(
    model: LanguageModel,
    tokenizer: Tokenizer,
    texts: Sequence[str],
    *,
    context: str = "",
    bos: bool = True,
    eos: bool = True,
) -> Generator[int, None, list[TextScore]]:
    """Score each text after `context`, which is read and not scored; yields after each slice how many tokens it held.

    Without `bos` the model has not read the boundary token first: it starts from `LanguageModel.blank`. With `eos` the
    end of each text is scored too. Raises InvalidText for text that is not Unicode.
    """
    state = yield from read_rows(model, [tokenizer.encode(context).ids], bos=bos)
    encoded = [_ended(tokenizer.encode(text)) if eos else tokenizer.encode(text) for text in texts]
    scores = yield from score_rows(model, state, [row.ids for row in encoded])
    return [TextScore(text, row.ids, row.oov, found) for text, row, found in zip(texts, encoded, scores, strict=True)]


def read(model: LanguageModel, ids: Ids, *, bos: bool = True) -> State:
    """The one-row state after the boundary token (without `bos`: after nothing) and `ids` [T]."""
    return drain(read_rows(model, [ids], bos=bos))


def read_rows(model: LanguageModel, rows: Sequence[Ids], *, bos: bool = True) -> Generator[int, None, State]:
    """The state after each of `rows`, one or more, as `read`; yields after each slice how many tokens it held."""
    if model.prefixes is not None:
        return (yield from read_all(model, [Row(model, row, bos=bos) for row in rows]))
    state = model.start(len(rows)) if bos else model.blank(len(rows))
    width = max(1, model.slice_tokens // len(rows))
    for begin in range(0, max(map(len, rows)), width):
        parts = [row[begin : begin + width] for row in rows]
        # One row needs no padding, and for a short one padding would take as long as reading it.
        tokens, lengths = padded(parts) if len(rows) > 1 else (torch.from_numpy(parts[0].astype(np.int64))[None], None)
        state = model.advance(state, tokens, lengths)
        yield sum(map(len, parts))
    return state


def score_row(model: LanguageModel, state: State, ids: Ids) -> Generator[int, None, tuple[Scores, State]]:
    """Scores [T] of one long row from a one-row state, and the state after; yields the size of each slice in tokens."""
    parts = [np.zeros(0, np.float32)]
    begin = 0
    while begin < len(ids):
        tokens = torch.from_numpy(ids[begin : begin + model.slice_tokens].astype(np.int64))[None]
        begin += tokens.shape[1]
        scores, state = model.score(state, tokens)
        parts.append(scores[0].numpy())
        yield tokens.shape[1]
    return np.concatenate(parts), state


def score_rows(model: LanguageModel, state: State, rows: Sequence[Ids]) -> Generator[int, None, list[Scores]]:
    """Scores [T_i] of each row, in the order given, all read from one one-row state; yields the size of each slice."""
    found = [np.zeros(len(row), np.float32) for row in rows]
    for group in _groups(rows, model.slice_tokens):
        part, begin = select(state, torch.zeros(len(group), dtype=torch.int64)), 0
        while group:
            width = max(1, model.slice_tokens // len(group))
            tokens, lengths = padded([rows[i][begin : begin + width] for i in group])
            scores, part = model.score(part, tokens, lengths)
            for i, row, length in zip(group, scores.numpy(), lengths.tolist(), strict=True):
                found[i][begin : begin + length] = row[:length]
            begin += width
            longer = [place for place, i in enumerate(group) if len(rows[i]) > begin]
            group, part = [group[place] for place in longer], select(part, torch.tensor(longer, dtype=torch.int64))
            yield int(lengths.sum())
    return found


def drain(work: Generator[object, None, Result]) -> Result:
    """What a generator returns, driven to its end without a pause."""
    while True:
        try:
            next(work)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]


def _groups(rows: Sequence[Ids], slice_tokens: int) -> Iterator[list[int]]:
    """Rows of like length, as many together as make a slice; rows of no token are left out."""
    ascending = sorted((i for i in range(len(rows)) if len(rows[i])), key=lambda i: len(rows[i]))
    group: list[int] = []
    for i in ascending:
        if group and (len(group) == ROWS_AT_ONCE or (len(group) + 1) * len(rows[i]) > slice_tokens):
            yield group
            group = []
        group.append(i)
    if group:
        yield group


def _ended(encoding: Encoding) -> Encoding:
    return Encoding(np.append(encoding.ids, np.int32(EOS)), np.append(encoding.oov, False))
