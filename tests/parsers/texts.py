"""Parsers of texts: labelled files, word vectors, plain text in any encoding, compressed uploads."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
from functools import partial
from pathlib import Path

import numpy as np

from app.storage.files.upload import Upload
from models.data.corpus import Corpus
from models.data.labelled.config import LabelledFormat, QuestionFormat, TaggedFormat
from models.data.labelled.nbest import read_nbest
from models.data.word_vectors import WordVectorFile
from models.recipes.task_examples import read_examples
from models.selection.records import error_line, parse_lines, scored_line
from models.selection.sources import read_blocks
from models.tokenization.config import TokenizerConfig
from models.utils.compression import compress_block
from tests.parsers.parser import Parser, require

_LABELLED: list[tuple[str, LabelledFormat | TaggedFormat | QuestionFormat, str, bytes]] = [
    ("csv", LabelledFormat("csv"), "lines", b'text,label\n"a, ""b""",good\nc,bad\n'),
    ("tsv", LabelledFormat("tsv"), "lines", b"text\tlabel\na b\tgood\nc\tbad\n"),
    ("JSON lines", LabelledFormat("jsonl"), "json", b'{"text": "a b", "label": "good"}\n{"text": "c", "label": 2}\n'),
    ("label and text", LabelledFormat("label_text", coarse=True), "lines", b"DESC:x what is it\nNUM how many\n"),
    ("CoNLL", TaggedFormat("conll", iob_to_bio=True), "lines", b"-DOCSTART- O\n\nThe O\ncat I-A\n\nA B-A\n"),
    (
        "CoNLL-U",
        TaggedFormat("conllu"),
        "lines",
        b"# a\n1\tThe\tthe\tDET\tDT\t_\t_\t_\t_\t_\n1.1\ta\t_\t_\t_\t_\t_\t_\t_\t_\n",
    ),
    ("word_TAG", TaggedFormat("masc"), "lines", b"D. C._NN is_VB\n_X a_b_NN\n"),
    (
        *("SQuAD", QuestionFormat("squad"), "json"),
        b'{"data": [{"paragraphs": [{"context": "the cat sat", "qas": [{"id": "1", "question": "who", "answers": '
        b'[{"text": "cat", "answer_start": 4}]}, {"id": "2", "question": "why", "is_impossible": true}]}]}]}',
    ),
    (
        "bAbI",
        QuestionFormat("babi"),
        "lines",
        b"1 Mary went home.\n2 Where is Mary?\thome\t1\n1 A cat.\n2 A?\tyes\t1\n",
    ),
]


def _sample(sample: bytes, _: Path) -> list[bytes]:
    return [sample]


def _read_labelled(options: LabelledFormat | TaggedFormat | QuestionFormat, path: Path) -> None:
    for example in read_examples([path], options):
        require(example.line >= 0, "an example of no line")


_PIECES = b"the cat sat\nwho sat\ncat\n1 1\n"


def _read_pieces(path: Path) -> None:
    lines = (path.read_bytes().split(b"\n") + [b""] * 4)[:4]
    for ending, line in zip((".context", ".question", ".answer", ".span"), lines, strict=True):
        path.with_name(f"pieces{ending}").write_bytes(line + b"\n")
    read_examples([path.with_name("pieces.context")], QuestionFormat("squad_pieces"))


def _nbest_sample(_: Path) -> list[bytes]:
    return [b'{"reference": "a b", "hypotheses": [{"text": "a b", "score": -1.5}, {"text": ""}], "context": "c"}']


def _vector_samples(_: Path) -> list[bytes]:
    return [b"the 0.5 1 2\ncat 1e-3 2 3\n", b"2 3\nthe 0.5 1 2\ncat 1 2 3\n", gzip.compress(b"the 1 2\n")]


def _read_vectors(path: Path) -> None:
    file = WordVectorFile.open(path)
    file.words(3)
    words, vectors = file.read({"the", "cat"})
    require(len(words) == len(vectors) and np.isfinite(vectors).all(), "vectors that are no numbers")


def _array_samples(_: Path) -> list[bytes]:
    samples = []
    for array, pickled in ((np.eye(2, 3), False), (np.eye(2, 3, dtype=">f2").T, False), (np.array([print]), True)):
        file = io.BytesIO()
        np.save(file, array, allow_pickle=pickled)
        samples.append(file.getvalue())
    samples.append(samples[0].replace(b"'descr': '<f8'", b"'descr': print "))
    return samples


def _read_array(path: Path) -> None:
    words = path.with_name("words.txt")
    words.write_text("the\ncat\n")
    file = WordVectorFile.open(path, words)
    file.read({"the", "cat"})


def _text_samples(_: Path) -> list[bytes]:
    text = "The caf\u00e9\r\n\r\nsat \u2028 down\rand up"
    return [text.encode(encoding) for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-32", "utf-16-le")]


def _read_text(path: Path) -> None:
    for encoding in ("utf-8", "latin-1", "utf-16-le", "utf-7", "shift_jis", "idna", "punycode", "unicode_escape"):
        try:
            for text in Corpus.open([path], config=TokenizerConfig(), encoding=encoding).chunks():
                require("\r" not in text, "a carriage return is left")
        except Parser.refusals:
            pass


def _upload_samples(_: Path) -> list[bytes]:
    text = b"the cat sat\n" * 50
    bomb = gzip.compress(bytes(1 << 22))
    return [
        text,
        gzip.compress(text),
        bz2.compress(text),
        lzma.compress(text),
        gzip.compress(text) * 2,
        bomb,
        b"\x93NUMPY",
    ]


def _read_upload(path: Path) -> None:
    data, target = path.read_bytes(), path.with_name("upload")
    for size in (1 << 18, 7):
        with Upload(target, 1 << 20) as upload:
            for begin in range(0, len(data), size):
                upload.write(data[begin : begin + size])
            upload.finish()


def _record_samples(_: Path) -> list[bytes]:
    lines = b'{"id": 1, "text": "the cat sat"}\n{"text": 3}\n\n{"text": "\xc3\xa9", "scores": {}}'
    return [lines, gzip.compress(lines), compress_block(lines, 1)]


def _read_records(path: Path) -> None:
    for block in read_blocks([path], "jsonl", 16):
        records = parse_lines(block.lines, block.first_line, "jsonl", "text")
        for i, (line, text, number) in enumerate(zip(records.lines, records.texts, records.numbers, strict=True)):
            error = records.errors.get(i)
            scored = (
                error_line(line, "jsonl", text, number, error) if error else scored_line(line, "jsonl", text, b"{}")
            )
            require("scores" in json.loads(scored), "a record without scores")


PARSERS = [
    *(
        Parser(
            f"labelled {name}",
            "models.data.labelled",
            "upload, file",
            form,
            partial(_sample, sample),
            partial(_read_labelled, options),
        )
        for name, options, form, sample in _LABELLED
    ),
    Parser("labelled SQuAD pieces", "models.data.labelled", "file", "lines", partial(_sample, _PIECES), _read_pieces),
    Parser(
        "n-best lists",
        "models.data.labelled.nbest",
        "upload, file",
        "json",
        _nbest_sample,
        lambda path: read_nbest(path),
    ),
    Parser("word vectors", "models.data.word_vectors", "upload, file", "lines", _vector_samples, _read_vectors),
    Parser(
        "array of vectors",
        "models.data.word_vectors",
        "upload, file",
        "bytes",
        _array_samples,
        _read_array,
        "input.npy",
    ),
    Parser("records", "models.selection", "upload, file", "json", _record_samples, _read_records, "input.jsonl"),
    Parser("plain text", "models.data.line_reader", "upload, file", "bytes", _text_samples, _read_text),
    Parser("upload", "app.storage.files.upload", "request", "bytes", _upload_samples, _read_upload),
]
