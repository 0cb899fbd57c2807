"""Parsers of n-gram models: ARPA text, tables and counts of checkpoints, binaries of KenLM."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import numpy as np
from safetensors import SafetensorError

from models.checkpoint.counts_file import counts_tensors, read_levels
from models.ngram.backoff_table import BackoffTable
from models.ngram.config import NgramConfig
from models.ngram.count_table import CountTable
from models.ngram.counting.extraction import count_ngrams
from models.ngram.formats.arpa import read_arpa, write_arpa
from models.ngram.formats.kenlm_binary import read_kenlm_words
from models.ngram.formats.model_file import describe_binary, open_arpa
from models.ngram.kenlm_model import read_kenlm_vocabulary
from models.ngram.model import NgramModel
from models.utils.file_kinds import KENLM_MAGIC
from models.utils.files import map_tensors, write_tensors
from tests.helpers.serving import TEXT, WORDS, ngram
from tests.parsers.parser import Parser, require


def _arpa_samples(_: Path) -> list[bytes]:
    samples = []
    for order, smoothing in ((1, "mle"), (2, "kneser_ney"), (3, "witten_bell")):
        model, text = ngram(order=order, smoothing=smoothing), io.StringIO()
        write_arpa(model.table, WORDS.vocabulary, text)
        samples.append(text.getvalue().encode())
    return [*samples, gzip.compress(samples[1])]


def _read_arpa(path: Path) -> None:
    with open_arpa(path) as file:
        table, vocabulary = read_arpa(file)
    require(len(vocabulary) == table.vocabulary_size, "the vocabulary has another size than the table")
    use_ngrams(NgramModel(NgramConfig(table.order, "backoff"), table))


def use_ngrams(model: NgramModel) -> None:
    """Score and rank, and require log-probabilities."""
    ids = np.arange(min(model.vocabulary_size, 12), dtype=np.int64)[None]
    scores, state = model.score(model.begin_state(1), ids)
    require(np.all(scores <= 1e-3) or not model.normalized, "a probability is above one")
    model.topk(state, 3)
    model.explain(state)
    model.logprobs(state)


def _table_samples(folder: Path) -> list[bytes]:
    samples = []
    for order, smoothing in ((1, "mle"), (3, "kneser_ney")):
        write_tensors(ngram(order=order, smoothing=smoothing).tensors(), folder / "table")
        samples.append((folder / "table").read_bytes())
    return samples


def _read_table(path: Path) -> None:
    tensors = map_tensors(path)
    order = max(len(tensors["levels"]) - 1, 1) if "levels" in tensors and tensors["levels"].ndim else 1
    table = BackoffTable.from_arrays(tensors, order, WORDS.vocabulary_size, {})
    use_ngrams(NgramModel(NgramConfig(order, "backoff"), table))


def _count_samples(folder: Path) -> list[bytes]:
    levels = count_ngrams(WORDS.encode(TEXT).ids, 3, WORDS.vocabulary_size).levels
    write_tensors(counts_tensors(levels), folder / "counts")
    return [(folder / "counts").read_bytes()]


def _read_counts(path: Path) -> None:
    counts = CountTable(read_levels(path, WORDS.vocabulary_size))
    counts.warm_up()
    for entry in counts.describe([2, 3, 4][: counts.order]):
        require(entry.count >= 0 and entry.context_count >= 0, "a count is below zero")


def _kenlm_samples(_: Path) -> list[bytes]:
    parameters = b"\x02\x00\x00\x00\x00\x00\xc0\x3f\x02\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00"
    head = (KENLM_MAGIC + b" format version 5\n\x00").ljust(88, b"\x00") + parameters
    sizes = (4).to_bytes(8, "little") + (9).to_bytes(8, "little")
    return [head + sizes + bytes(200) + b"\x00".join([b"<unk>", b"<s>", b"</s>", b"cat", b""])]


def _read_kenlm(path: Path) -> None:
    describe_binary(path.read_bytes()[:1024])
    header, words = read_kenlm_words(path)
    require(len(words) == header.order_sizes[0], "the words are more or fewer than the header says")
    read_kenlm_vocabulary(path)


PARSERS = [
    Parser("ARPA", "models.ngram.formats.arpa", "upload, file", "lines", _arpa_samples, _read_arpa),
    Parser(
        *("n-gram table", "models.ngram.backoff_table", "checkpoint", "tensors", _table_samples, _read_table),
        refusals=(Parser.refusals[0], SafetensorError),
    ),
    Parser("n-gram counts", "models.checkpoint.counts_file", "checkpoint", "tensors", _count_samples, _read_counts),
    Parser("KenLM binary", "models.ngram.formats.kenlm_binary", "file", "bytes", _kenlm_samples, _read_kenlm),
]
