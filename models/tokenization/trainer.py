"""Training of tokenizers: `train_vocabulary`, and `WordCounter` for the ids of a text as well.

Words are counted on several threads: each takes chunks in turn and numbers the surface forms that it meets by itself,
so that no thread waits for another. The result does not depend on which thread read which chunk.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from threading import Lock

import numpy as np
from numpy.typing import NDArray
from tokenizers import trainers

from models.errors import TrainingFailed
from models.special_tokens import EOS_TOKEN, SPECIAL_TOKENS, UNK_TOKEN
from models.threads import thread_count
from models.tokenization.character_tokenizer import CharacterTokenizer
from models.tokenization.config import BYTE_TO_UNICODE, DEFAULT_BPE_SIZE, TokenizerConfig
from models.tokenization.encoding import MISSING
from models.tokenization.pipeline import Merges, build_pipeline
from models.tokenization.words.vocab_lookup import build_vocab_table, encode_text, reserve, table_tokens
from models.tokenization.words.word_tokenizer import WordTokenizer
from models.utils.parallel import parallel_map

_BLOCK_BYTES = 1 << 16
"""Text that is counted in one call. Room is reserved for that many new tokens: more would not fit the CPU's caches."""


def train_vocabulary(config: TokenizerConfig, text: Iterable[str]) -> tuple[list[str], Merges]:
    """Make vocabulary and bpe merges of `text`, whole lines. Raises TrainingFailed where no token is left."""
    if config.kind == "bpe":
        return train_bpe(config, text)
    if config.kind == "character":
        return build_vocabulary(config, CharacterTokenizer(config, SPECIAL_TOKENS).count(text)), ()
    return build_vocabulary(config, WordCounter(config, keep_ids=False).read(text).counts()), ()


def build_vocabulary(config: TokenizerConfig, counts: Counter[str]) -> list[str]:
    """List tokens by id: special ones, then by falling count, then in order; TrainingFailed without any."""
    ordinary = [t for t, n in counts.items() if n >= config.min_count and t not in SPECIAL_TOKENS]
    if not ordinary:
        raise TrainingFailed(f"no token of the training text occurs {config.min_count} times: no vocabulary to build")
    ordinary.sort(key=lambda token: (-counts[token], token))
    return [*SPECIAL_TOKENS, *ordinary][: config.max_size]


def train_bpe(config: TokenizerConfig, text: Iterable[str]) -> tuple[list[str], list[tuple[str, str]]]:
    """Learn vocabulary and merges of `text`, in order; TrainingFailed where there is nothing to merge."""
    pipeline = build_pipeline(config, SPECIAL_TOKENS)
    trainer = trainers.BpeTrainer(
        vocab_size=config.max_size or DEFAULT_BPE_SIZE,
        min_frequency=config.min_count,
        special_tokens=SPECIAL_TOKENS,
        initial_alphabet=BYTE_TO_UNICODE,
        show_progress=False,
    )
    pipeline.train_from_iterator(_ordinary_lines(text), trainer)
    model = json.loads(pipeline.to_str())["model"]
    if not model["merges"]:
        raise TrainingFailed("no two bytes of the training text stand together often enough: no vocabulary to build")
    return sorted(model["vocab"], key=model["vocab"].__getitem__), [(a, b) for a, b in model["merges"]]


def _ordinary_lines(text: Iterable[str]) -> Iterator[str]:
    """Yield the lines of `text`, split at special tokens too, which merges must not cross."""
    for chunk in text:
        yield from chunk.replace(EOS_TOKEN, "\n").replace(UNK_TOKEN, "\n").split("\n")


class WordCounter:
    """Counter of the surface forms of a text; with `keep_ids` it remembers where each stands."""

    def __init__(self, config: TokenizerConfig, *, keep_ids: bool) -> None:
        tokenizer = WordTokenizer(config, SPECIAL_TOKENS)
        self._vocabularies = [_GrowingVocabulary(tokenizer) for _ in range(thread_count())]
        self._keep_ids = keep_ids
        self._chunks: list[tuple[_GrowingVocabulary, list[NDArray[np.int32]]]] = []  # whose numbers, and the numbers

    def read(self, text: Iterable[str]) -> WordCounter:
        """Count the surface forms of `text`, given in chunks, on all threads."""
        chunks, turn = iter(text), Lock()

        def count_chunks(vocabulary: _GrowingVocabulary) -> None:
            while True:
                with turn:
                    chunk = next(chunks, None)
                    pieces: list[NDArray[np.int32]] = []
                    self._chunks.append((vocabulary, pieces))
                if chunk is None:
                    return
                numbers = list(vocabulary.encode(chunk))
                if self._keep_ids:
                    pieces += numbers

        parallel_map(count_chunks, self._vocabularies)
        return self

    def counts(self) -> Counter[str]:
        """Return how often each surface form occurs; newlines are not counted."""
        counts: Counter[str] = Counter()
        for vocabulary in self._vocabularies:
            counts.update(vocabulary.counts())
        return counts

    def encode(self, vocabulary: Sequence[str]) -> Iterator[NDArray[np.int32]]:
        """Yield the text's ids in `vocabulary` in pieces, freeing each; MISSING where it lacks the form."""
        ids = {token: i for i, token in enumerate(vocabulary)}
        ids_by_number = {
            growing: np.array([ids.get(form, MISSING) for form in growing.surface_forms()], np.int32)
            for growing in self._vocabularies
        }
        while self._chunks:
            growing, pieces = self._chunks.pop(0)
            yield from (ids_by_number[growing][numbers] for numbers in pieces)


class _GrowingVocabulary:
    """Surface forms that one thread has met, by number.

    Forms met by the compiled loops are numbered from 0 up, those met by the pipeline from -1 down, so that both index
    one list from its two ends. A form met by both has two numbers.
    """

    def __init__(self, tokenizer: WordTokenizer) -> None:
        self._tokenizer = tokenizer
        self._table = build_vocab_table(SPECIAL_TOKENS)
        self._unsupported: dict[str, int] = {}
        self._unsupported_counts: Counter[str] = Counter()

    def encode(self, text: str) -> Iterator[NDArray[np.int32]]:
        """Count the forms of `text` and yield their numbers, in pieces."""
        for run, supported in self._tokenizer.line_runs(text):
            if supported:
                yield from self._encode_compiled(run)
            else:
                yield self._encode_unsupported(run)

    def counts(self) -> Counter[str]:
        """Return how often each form came."""
        counts = self._unsupported_counts.copy()
        counts.update(dict(zip(table_tokens(self._table), self._table.counts.tolist(), strict=False)))
        return counts

    def surface_forms(self) -> list[str]:
        """List the forms: number i is at index i, counted from the end of the list where it is negative."""
        return [*table_tokens(self._table), *reversed(self._unsupported)]

    def _encode_compiled(self, run: bytes) -> Iterator[NDArray[np.int32]]:
        begin = 0
        while begin < len(run):
            end = run.find(b"\n", begin + _BLOCK_BYTES) + 1 or len(run)
            self._table = reserve(self._table, end - begin)
            yield encode_text(run[begin:end], self._tokenizer.classes, self._table, growing=True)
            begin = end

    def _encode_unsupported(self, run: bytes) -> NDArray[np.int32]:
        forms = self._tokenizer.split_unsupported(run)
        self._unsupported_counts.update(forms)
        return np.array([self._unsupported.setdefault(form, -1 - len(self._unsupported)) for form in forms], np.int32)
