"""The surface forms of a text: how often each occurs and which stands where, before there is a vocabulary.

Several threads read chunks in turn, each with numbers of its own for the forms that it meets, so that none waits for
another; what comes of it is the same whoever read what. It knows forms and numbers; how text is cut into forms `words`
knows, and what becomes a vocabulary `tokenizer`.

Vocabularies: which surface forms of a text get ids, in which order, and what else a list of tokens must fulfil.

It knows tokens and how often they came; it does not know how they were cut.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from threading import Lock

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import trainers

from models.errors import TrainingFailed
from models.special_tokens import EOS_TOKEN, SPECIAL_TOKENS, UNK_TOKEN
from models.tokenization import pipeline, vocab_lookup, word_splitter
from models.tokenization.config import BYTE_TO_UNICODE, DEFAULT_BPE_SIZE, TokenizerConfig
from models.tokenization.word_tokenizer import WordTokenizer
from models.utils.parallel import parallel_map

_BLOCK_BYTES = 1 << 16  # bytes


class WordCounter:
    """The surface forms of a text, and with `keep` where each stands."""

    def __init__(self, words: WordTokenizer, *, keep_ids: bool) -> None:
        self._readers = [_GrowingVocabulary(words) for _ in range(torch.get_num_threads())]
        self._keep_ids = keep_ids
        self._chunks: list[
            tuple[_GrowingVocabulary, list[NDArray[np.int32]]]
        ] = []  # who read each chunk, and its numbers

    def read(self, text: Iterable[str]) -> WordCounter:
        """Read `text`, in chunks."""
        chunks, turn = iter(text), Lock()

        def work(reader: _GrowingVocabulary) -> None:
            while True:
                with turn:
                    chunk = next(chunks, None)
                    found: list[NDArray[np.int32]] = []
                    self._chunks.append((reader, found))
                if chunk is None:
                    return
                pieces = list(reader.encode(chunk))
                found += pieces if self._keep_ids else []

        parallel_map(work, self._readers)
        return self

    def counts(self) -> Counter[str]:
        """How often each form occurs; newlines are not counted."""
        counts: Counter[str] = Counter()
        for reader in self._readers:
            counts.update(reader.counts())
        return counts

    def encode(self, vocabulary: Sequence[str]) -> Iterator[NDArray[np.int32]]:
        """The text's ids in `vocabulary`, MISSING where it lacks the form, piece by piece; each piece is let go of."""
        known = {token: i for i, token in enumerate(vocabulary)}
        tables = {
            reader: np.array([known.get(form, vocab_lookup.MISSING) for form in reader.surface_forms()], np.int32)
            for reader in self._readers
        }
        while self._chunks:
            reader, found = self._chunks.pop(0)
            yield from (tables[reader][numbers] for numbers in found)


class _GrowingVocabulary:
    """Forms by number, as they come.

    Those that the compiled loops meet have the numbers from 0 on, the others those from -1 down, so that both index one
    list from its two ends; a form that comes in both ways has two numbers.
    """

    def __init__(self, words: WordTokenizer) -> None:
        self._tokenizer = words
        self._table = vocab_lookup.build_vocab_table(SPECIAL_TOKENS)
        self._unsupported: dict[str, int] = {}
        self._unsupported_counts: Counter[str] = Counter()

    def encode(self, text: str) -> Iterator[NDArray[np.int32]]:
        """Count the forms of `text`; their numbers, in pieces."""
        for run, native in self._tokenizer.line_runs(text):
            if native:
                yield from self._encode_compiled(run)
            else:
                yield self._encode_unsupported(run)

    def counts(self) -> Counter[str]:
        """How often each form came."""
        counts = self._unsupported_counts.copy()
        counts.update(dict(zip(vocab_lookup.table_tokens(self._table), self._table.counts.tolist(), strict=False)))
        return counts

    def surface_forms(self) -> list[str]:
        """Number i is that of form i, counted from the end where it is below 0."""
        return [*vocab_lookup.table_tokens(self._table), *reversed(self._unsupported)]

    def _encode_compiled(self, run: bytes) -> Iterator[NDArray[np.int32]]:
        begin = 0
        while begin < len(run):
            # Room for a megabyte of new tokens would scatter the few over more memory than caches hold.
            end = run.find(b"\n", begin + _BLOCK_BYTES) + 1 or len(run)
            data, numbers = word_splitter.padded_bytes(run[begin:end]), np.empty(end - begin, np.int32)
            self._table = vocab_lookup.reserve(self._table, data.size)
            size = vocab_lookup.encode_text(data, self._tokenizer.classes, self._table, True, numbers)
            yield numbers[:size].copy()
            begin = end

    def _encode_unsupported(self, run: bytes) -> NDArray[np.int32]:
        surfaces = self._tokenizer.split_unsupported(run)
        self._unsupported_counts.update(surfaces)
        return np.array(
            [self._unsupported.setdefault(form, -1 - len(self._unsupported)) for form in surfaces], np.int32
        )


def train_bpe(config: TokenizerConfig, text: Iterable[str]) -> tuple[list[str], list[tuple[str, str]]]:
    """The vocabulary of `text`, in chunks, and its merges in the order in which they were learned.

    Raises TrainingFailed for a text of nothing but blanks.
    """
    learner = pipeline.build_pipeline(config, SPECIAL_TOKENS)
    trainer = trainers.BpeTrainer(
        vocab_size=config.max_size or DEFAULT_BPE_SIZE,
        min_frequency=config.min_count,
        special_tokens=SPECIAL_TOKENS,
        initial_alphabet=BYTE_TO_UNICODE,
        show_progress=False,
    )
    learner.train_from_iterator(_ordinary_lines(text), trainer)
    learned = json.loads(learner.to_str())["model"]
    if not learned["merges"]:
        raise TrainingFailed("no two bytes of the training text stand together often enough: no vocabulary to build")
    return sorted(learned["vocab"], key=learned["vocab"].__getitem__), [(a, b) for a, b in learned["merges"]]


def _ordinary_lines(text: Iterable[str]) -> Iterator[str]:
    """Lines without what stands for itself."""
    for chunk in text:
        yield from chunk.replace(EOS_TOKEN, "\n").replace(UNK_TOKEN, "\n").split("\n")


def build_vocabulary(config: TokenizerConfig, counts: Counter[str]) -> list[str]:
    """The tokens by id, those of a text by falling count, then in order. Raises TrainingFailed where none is left."""
    ordinary = [t for t, n in counts.items() if n >= config.min_count and t not in SPECIAL_TOKENS]
    if not ordinary:
        raise TrainingFailed(f"no token of the training text occurs {config.min_count} times: no vocabulary to build")
    ordinary.sort(key=lambda token: (-counts[token], token))
    return [*SPECIAL_TOKENS, *ordinary][: config.max_size]
