"""KenlmModel: a binary file of KenLM as a language model that scores, by that library itself.

The library tells the probability of a word that it is given and lists none, so there is no distribution of the next
token. It maps the file's structures into memory without checking them: open a file only from whom you trust.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn, Self

import numpy as np
from numpy.typing import NDArray

from models.errors import CheckpointDamaged, CheckpointError, InvalidInput, UnsupportedByModel
from models.language_model import LanguageModel
from models.model import Capability, FileModel, Floats, Lengths, TokenIds
from models.ngram.formats.arpa_lines import BOS_TOKEN, LOG10_ZERO
from models.ngram.formats.kenlm_binary import KenlmHeader, read_kenlm_words
from models.special_tokens import EOS, EOS_TOKEN, SPECIAL_TOKENS
from models.state import State
from models.utils.arrays import IntArray

_NOTHING = -1
"""Place of a state at which no token was read."""


class KenlmModel(LanguageModel, FileModel):
    """A binary file of KenLM. States are [B, N - 1] int64: the last tokens read, -1 before them."""

    kind = "kenlm"
    file_name = "model.kenlm"
    capabilities: frozenset[Capability] = frozenset({"probability", "perplexity", "rescore"})
    scores_only = True
    has_matched_orders = True
    resets_at_eos = True
    runs_inline = True
    chunk_tokens = 8192

    def __init__(self, file: Path, *, normalized: bool = True) -> None:
        """Open `file`. Raises InvalidInput for one that is none, CheckpointError without the library."""
        self.file = file
        self._normalized = normalized
        self.header, self.vocabulary = read_kenlm_vocabulary(file)
        self.vocabulary_size = len(self.vocabulary)
        self.context_length = self.header.order - 1
        library = _import_kenlm()
        try:
            self._model = library.Model(str(file))
        except OSError as error:
            raise InvalidInput("file", f"{file} cannot be opened by KenLM ({error})") from None
        self._new_state = library.State

    def begin_state(self, rows: int) -> NDArray[np.int64]:
        """Return the state of `rows` sequences that have read only `</s>`."""
        state = self.null_state(rows)
        state[:, -1:] = EOS
        return state

    def null_state(self, rows: int) -> NDArray[np.int64]:
        """Return the state of `rows` sequences that have read nothing."""
        return np.full((rows, self.header.order - 1), _NOTHING, np.int64)

    def advance(self, state: State, tokens: TokenIds, lengths: Lengths | None = None) -> NDArray[np.int64]:
        """Return the state after `tokens` [B, T], of which row i reads only the first `lengths[i]`."""
        after = np.array(state, np.int64)
        for row, ids in zip(after, self._row_ids(tokens, lengths), strict=True):
            _read(row, ids)
        return after

    def score(self, state: State, tokens: TokenIds, lengths: Lengths | None = None) -> tuple[Floats, NDArray[np.int64]]:
        """Return log P of each of `tokens` [B, T] given those before, 0 past `lengths`, and the state after."""
        after, scores = np.array(state, np.int64), np.zeros(tokens.shape, np.float32)
        for row, out, ids in zip(after, scores, self._row_ids(tokens, lengths), strict=True):
            out[: len(ids)] = self._score_row(row, ids)
            _read(row, ids)
        return scores, after

    def score_pairs(self, state: State, rows: IntArray, tokens: TokenIds) -> Floats:
        """See `LanguageModel`; one question to the library for each pair."""
        scores, _ = self.score(np.asarray(state)[rows], tokens[:, None])
        return scores[:, 0]

    def matched_orders(self, state: State, tokens: TokenIds) -> NDArray[np.int64]:
        """Return the length of the n-gram that gives each of `tokens` [B, T] its probability.

        What KenLM tells of an unknown word, 0, is that it took that of the unigram `<unk>`.
        """
        orders = np.ones(tokens.shape, np.int64)
        for row, out, ids in zip(np.asarray(state), orders, self._row_ids(tokens), strict=True):
            out[:] = [max(1, score.ngram_length) for score in self._ask(row, ids, self._model.BaseFullScore)]
        return orders

    def _row_ids(self, tokens: TokenIds, lengths: Lengths | None = None) -> list[list[int]]:
        """Return the token ids of each row that count. Raises InvalidInput for ids outside the vocabulary."""
        ends = [tokens.shape[1]] * len(tokens) if lengths is None else lengths.tolist()
        rows = [row[:end] for row, end in zip(tokens.tolist(), ends, strict=True)]
        if any(row and not 0 <= min(row) <= max(row) < self.vocabulary_size for row in rows):
            raise InvalidInput("tokens", f"must be ids from 0 to {self.vocabulary_size - 1}")
        return rows

    def _score_row(self, context: NDArray[np.int64], ids: Sequence[int]) -> NDArray[np.float64]:
        """Return log P of each of `ids` in nats, after the tokens of a state."""
        log10 = np.array(list(self._ask(context, ids, self._model.BaseScore)), np.float64)
        log10[log10 <= LOG10_ZERO] = -np.inf
        return log10 * math.log(10)

    def _ask(self, context: NDArray[np.int64], ids: Sequence[int], ask: Callable[..., Any]) -> Iterator[Any]:
        """Yield what `ask`, a method of the library, tells of each of `ids` after the tokens of a state."""
        words, model = self.vocabulary, self._model
        before, after = self._new_state(), self._new_state()
        model.NullContextWrite(before)
        read = context[context != _NOTHING].tolist()
        for t, i in enumerate([*read, *ids]):
            answer = ask(before, words[i], after)
            if i == EOS:
                model.BeginSentenceWrite(after)
            if t >= len(read):
                yield answer
            before, after = after, before

    def logprobs(self, state: State) -> NoReturn:
        """Raise UnsupportedByModel: KenLM tells the probability of a given word, and lists none."""
        del state
        raise UnsupportedByModel("model", "a kenlm model tells no distribution of the next token")

    def check(self) -> None:
        """Raise InvalidInput unless a few log-probabilities are numbers, at most zero."""
        spread = np.linspace(0, self.vocabulary_size - 1, 4).astype(np.int64)
        for state in (self.begin_state(1), self.null_state(1)):
            scores, _ = self.score(state, spread[None])
            if not np.all(scores <= 0):  # NaN is not
                raise InvalidInput("model", "its probabilities are no numbers from 0 to 1")

    @property
    def normalized(self) -> bool:
        """Whether the distributions that were added up at the import sum to one; not all of them were."""
        return self._normalized

    def distribution_sum(self, context: Sequence[int]) -> float:
        """Return the sum of P(w | context) over all words w; it takes a microsecond for each."""
        state = self.advance(self.null_state(1), np.array([context], np.int64))
        words = np.arange(self.vocabulary_size)[:, None]
        scores, _ = self.score(np.repeat(state, len(words), 0), words)
        return float(np.exp(scores, dtype=np.float64).sum())

    @property
    def parameter_count(self) -> int:
        """Number of log-probabilities and back-off weights in the file."""
        return 2 * sum(self.header.order_sizes) - self.header.order_sizes[-1]

    def config(self) -> dict[str, Any]:
        """Return what the header tells, and whether the model is normalized."""
        header = self.header
        facts = {"structure": header.structure, "order": header.order, "order_sizes": list(header.order_sizes)}
        return facts | {"normalized": self.normalized}

    @classmethod
    def from_file(cls, config: dict[str, Any], file: Path, vocabulary_size: int) -> Self:
        """Open the copy of a checkpoint, whose hash was verified. Raises CheckpointError."""
        try:
            model = cls(file, normalized=bool(config.get("normalized", True)))
        except InvalidInput as error:
            raise CheckpointDamaged(str(error)) from error
        if model.config() != config or model.vocabulary_size != vocabulary_size:
            raise CheckpointDamaged(f"{file} is not the file that the card describes")
        return model


def read_kenlm_vocabulary(file: Path) -> tuple[KenlmHeader, list[str]]:
    """Return header and vocabulary of a binary: `<unk>` 0, `</s>` 1, then in its order, without `<s>`.

    Words that are no UTF-8, which no text can hold, are left out. Raises InvalidInput as `read_kenlm_words` does.
    """
    header, words = read_kenlm_words(file)
    if EOS_TOKEN not in words:
        raise InvalidInput("file", f"{file} has no word {EOS_TOKEN}, which ends a line")
    others = [word for word in words if word not in (*SPECIAL_TOKENS, BOS_TOKEN) and _is_unicode(word)]
    return header, [*SPECIAL_TOKENS, *others]


def _is_unicode(word: str) -> bool:
    try:
        word.encode()
    except UnicodeEncodeError:
        return False
    return True


def _import_kenlm() -> ModuleType:
    """Return the library. Raises CheckpointError where it is not installed."""
    try:
        return import_module("kenlm")
    except ImportError:
        message = "a binary of KenLM needs that library: install the extra `kenlm` (pip install 'nextword[kenlm]')"
        raise CheckpointError(message) from None


def _read(row: NDArray[np.int64], ids: Sequence[int]) -> None:
    """Overwrite the state of one sequence with that after `ids`; `</s>` begins anew."""
    if EOS in ids:
        ids = ids[len(ids) - 1 - list(reversed(ids)).index(EOS) :]
        row[:] = _NOTHING
    row[:] = np.concatenate([row, np.asarray(ids, np.int64)])[len(ids) :]
