"""Log-probabilities of many rows of tokens at once: rows of like length share a batch, long rows go in slices.

It knows batches and how much to score between two yields; it does not know what is made of the numbers. Padding costs
little because rows are sorted by length, and changes nothing because a model reads only a row's own tokens.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.inference.prefill import PromptPrefill, prefill
from models.language_model import LanguageModel
from models.ngram import short
from models.ngram.model import NgramModel
from models.special_tokens import EOS
from models.state import State, select
from models.tokenization.encoding import BatchEncoding
from models.tokenization.tokenizer import Tokenizer
from models.utils.arrays import Offsets, concat_rows, padded_indices
from models.utils.progress import run_to_completion

Ids = NDArray[np.int32]
Scores = NDArray[np.float32]
Result = TypeVar("Result")

MAX_BATCH_ROWS = 64
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
        surfaces = tokenizer.surface_forms(self.text)
        return surfaces + [tokenizer.vocabulary[EOS]] * (self.token_count - len(surfaces))


@dataclass(frozen=True)
class TextScores(Sequence[TextScore]):
    """What a model says of N texts; `logprobs` [T] stand beside the tokens of `encodings`."""

    texts: Sequence[str]
    encodings: BatchEncoding
    logprobs: Scores

    def __len__(self) -> int:
        return len(self.texts)

    def __getitem__(self, k: Any) -> Any:
        """What it says of text k."""
        encoding, end = self.encodings[k], self.encodings.ends[k]
        return TextScore(self.texts[k], encoding.ids, encoding.oov, self.logprobs[end - len(encoding.ids) : end])

    def totals(self) -> Iterator[tuple[float, int, int]]:
        """Of each text its log P in nats, how many tokens were scored and how many of them the vocabulary lacks."""
        logprobs, oov = self.logprobs.tolist(), self.encodings.oov.tolist()
        for begin, end in pairwise([0, *self.encodings.ends.tolist()]):
            yield sum(logprobs[begin:end]), end - begin, oov[begin:end].count(True)


def score_texts(
    model: LanguageModel,
    tokenizer: Tokenizer,
    texts: Sequence[str],
    *,
    context: str = "",
    bos: bool = True,
    eos: bool = True,
) -> Generator[int, None, TextScores]:
    """Score each text after `context`, which is read and not scored; yields after each slice how many tokens it held.

    Without `bos` the model has not read the boundary token first: it starts from `LanguageModel.blank`. With `eos` the
    end of each text is scored too. Raises InvalidText for text that is not Unicode.
    """
    if isinstance(model, NgramModel) and len(texts) == 1 and len(context) + len(texts[0]) <= model.chunk_tokens:
        return _score_short(model, tokenizer, texts, context, bos, eos)
    state = yield from read_rows(model, [tokenizer.encode(context).ids], bos=bos)
    encodings = tokenizer.encode_batch(texts, add_eos=eos)
    return TextScores(texts, encodings, (yield from score_flat(model, state, encodings.ids, encodings.ends)))


def _score_short(
    model: NgramModel, tokenizer: Tokenizer, texts: Sequence[str], context: str, bos: bool, eos: bool
) -> TextScores:
    """`score_texts` of one text: making tensors of it would take longer than scoring it does."""
    encodings = tokenizer.encode_batch(texts, add_eos=eos)
    before = tokenizer.encode_ids(context) if context else []
    return TextScores(texts, encodings, short.score(model, before, encodings.ids, bos=bos))


def read(model: LanguageModel, ids: Ids, *, bos: bool = True) -> State:
    """The one-row state after the boundary token (without `bos`: after nothing) and `ids` [T]."""
    return run_to_completion(read_rows(model, [ids], bos=bos))


def read_rows(model: LanguageModel, rows: Sequence[Ids], *, bos: bool = True) -> Generator[int, None, State]:
    """The state after each of `rows`, one or more, as `read`; yields after each slice how many tokens it held."""
    return (yield from read_flat(model, *concat_rows(rows), bos=bos))


def read_flat(model: LanguageModel, ids: Ids, ends: Offsets, *, bos: bool = True) -> Generator[int, None, State]:
    """`read_rows` of N rows, one after the other in `ids` [T], each ending before its `ends` [N]."""
    if model.prefixes is not None:
        return (yield from prefill(model, [PromptPrefill(model, row, bos=bos) for row in np.split(ids, ends)[:-1]]))
    state = model.begin_state(len(ends)) if bos else model.null_state(len(ends))
    if len(ends) == 1:
        return (yield from _read_row(model, state, ids))
    lengths = np.diff(ends, prepend=0)
    width = max(1, model.chunk_tokens // len(ends))
    for begin in range(0, lengths.max(), width):
        now = np.clip(lengths - begin, 0, width)
        at, _ = padded_indices(ends - lengths + begin, now)
        state = model.advance(state, _tensor(ids[at]), torch.from_numpy(now))
        yield int(now.sum())
    return state


def _read_row(model: LanguageModel, state: State, ids: Ids) -> Generator[int, None, State]:
    """The state after `ids` [T]: a row alone needs no rectangle, and for a short one that takes as long as reading."""
    for begin in range(0, len(ids), model.chunk_tokens):
        part = ids[begin : begin + model.chunk_tokens]
        state = model.advance(state, _tensor(part[None]))
        yield len(part)
    return state


def score_row(model: LanguageModel, state: State, ids: Ids) -> Generator[int, None, tuple[Scores, State]]:
    """Scores [T] of one long row from a one-row state, and the state after; yields the size of each slice in tokens."""
    parts: list[Scores] = []
    begin = 0
    while begin < len(ids):
        tokens = _tensor(ids[None, begin : begin + model.chunk_tokens])
        begin += tokens.shape[1]
        scores, state = model.score(state, tokens)
        parts.append(scores.numpy()[0])
        yield tokens.shape[1]
    return parts[0] if len(parts) == 1 else np.concatenate([np.zeros(0, np.float32), *parts]), state


def score_rows(model: LanguageModel, state: State, rows: Sequence[Ids]) -> Generator[int, None, list[Scores]]:
    """Scores [T_i] of each row, in the order given, all read from one one-row state; yields the size of each slice."""
    ids, ends = concat_rows(rows)
    scores = yield from score_flat(model, state, ids, ends)
    return np.split(scores, ends)[:-1]


def score_flat(model: LanguageModel, state: State, ids: Ids, ends: Offsets) -> Generator[int, None, Scores]:
    """`score_rows` of N rows, one after the other in `ids` [T], each ending before its `ends` [N]: scores [T]."""
    if len(ends) == 1:
        return (yield from score_row(model, state, ids))[0]
    lengths = np.diff(ends, prepend=0)
    scores = np.zeros(len(ids), np.float32)
    for group in _group_by_length(lengths, model.chunk_tokens):
        part, begin = select(state, [0] * len(group)), 0
        while len(group):
            width = max(1, model.chunk_tokens // len(group))
            now = np.minimum(lengths[group] - begin, width)
            at, inside = padded_indices((ends - lengths)[group] + begin, now)
            found, part = model.score(part, _tensor(ids[at]), torch.from_numpy(now))
            scores[at[inside]] = found.numpy()[inside]
            yield int(now.sum())
            begin += width
            longer = np.flatnonzero(lengths[group] > begin)
            group, part = group[longer], select(part, longer.tolist())
    return scores


def _group_by_length(lengths: Offsets, slice_tokens: int) -> Iterator[Offsets]:
    """Rows of like length, as many together as make a slice; rows of no token are left out."""
    ascending = np.argsort(lengths, kind="stable")[np.count_nonzero(lengths == 0) :]
    begin = 0
    for i, length in enumerate(lengths[ascending].tolist()):
        if i > begin and (i - begin == MAX_BATCH_ROWS or (i - begin + 1) * length > slice_tokens):
            yield ascending[begin:i]
            begin = i
    if begin < len(ascending):
        yield ascending[begin:]


def _tensor(ids: NDArray[Any]) -> Tensor:
    return torch.from_numpy(ids.astype(np.int64))
