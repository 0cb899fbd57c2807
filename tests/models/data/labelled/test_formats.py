"""Formats by name and by ending, and the checks of their configurations."""

import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.data.labelled.config import LabelledFormat, QuestionFormat, TaggedFormat
from models.data.labelled.formats import read_labelled_texts, read_questions, read_tagged
from models.errors import InvalidInput, InvalidText


def write(folder: Path, name: str, content: str) -> Path:
    path = folder / name
    path.write_text(content)
    return path


def test_read_labelled_texts_goes_by_the_ending(tmp_path: Path) -> None:
    paths = [
        write(tmp_path, "a.csv", 'text,label\n"a, a",x\n'),
        write(tmp_path, "b.TSV", "text\tlabel\nb\ty\n"),
        write(tmp_path, "c.jsonl", '{"text": "c", "label": "x"}\n'),
    ]
    assert [(e.text, *e.labels) for e in read_labelled_texts(paths)] == [("a, a", "x"), ("b", "y"), ("c", "x")]


def test_read_labelled_texts_goes_by_the_name(tmp_path: Path) -> None:
    positive, negative = write(tmp_path, "rt.pos", "fine\n"), write(tmp_path, "rt.neg", "dull\n")
    options = LabelledFormat("lines", file_labels=("good", "bad"))
    assert [(e.text, *e.labels) for e in read_labelled_texts([positive, negative], options)] == [
        ("fine", "good"),
        ("dull", "bad"),
    ]
    with pytest.raises(InvalidInput, match="file_labels: must give one label a file; there are 1 files and 2 labels"):
        read_labelled_texts([positive], options)
    questions = write(tmp_path, "trec.txt", "DESC:def What ?\n")
    assert read_labelled_texts([questions], LabelledFormat("label_text", coarse=True))[0].labels == ("DESC",)


def test_read_tagged_reads_each_format(tmp_path: Path) -> None:
    conllu = write(tmp_path, "a.conllu", "\t".join(["1", "go", "go", "VERB", "VB", *"_____"]))
    conll = write(tmp_path, "b.conll", "It O\n\nUS I-LOC\n")
    masc = write(tmp_path, "c.txt", "D. C._NN\n")
    assert [s.tags for s in read_tagged([conllu, conll])] == [("VERB",), ("O",), ("I-LOC",)]
    assert [s.tags for s in read_tagged([conllu], TaggedFormat(tag="xpos"))] == [("VB",)]
    assert [s.tags for s in read_tagged([conll], TaggedFormat(iob_to_bio=True))] == [("O",), ("B-LOC",)]
    assert read_tagged([masc], TaggedFormat("masc"))[0].tokens == ("D. C.",)
    with pytest.raises(InvalidText, match=r"c\.txt, line 1"):
        read_tagged([masc], TaggedFormat("word_tag"))
    with pytest.raises(InvalidInput, match=r"format: must be given for c\.txt: only \.conll, \.conllu tell"):
        read_tagged([masc])


def test_read_questions_reads_each_format(tmp_path: Path) -> None:
    squad = write(tmp_path, "a.json", '{"data": []}')
    babi = write(tmp_path, "b.txt", "1 It is here.\n2 Where ?\there\t1\n")
    for ending, content in {"context": "a b", "question": "c", "answer": "b", "span": "1 1"}.items():
        write(tmp_path, f"c.{ending}", content)
    questions = read_questions([babi], QuestionFormat("babi")) + read_questions([squad, tmp_path / "c.context"])
    assert [question.answers[0].start for question in questions] == [6, 2]
    with pytest.raises(InvalidText, match=r"files: must hold examples; there is none in .*a\.json"):
        read_questions([squad])


@pytest.mark.parametrize(
    ("kind", "fields", "message"),
    [
        (LabelledFormat, {"format": "xml"}, "format: must be one of csv, tsv, jsonl, lines, label_text, not 'xml'"),
        (LabelledFormat, {"encoding": "utf-99"}, "encoding: must be an encoding of text, as utf-8, latin-1"),
        (LabelledFormat, {"multi_label": 1}, "multi_label: must be true or false"),
        (LabelledFormat, {"text_column": ""}, "text_column: must be a text that is not empty"),
        (LabelledFormat, {"text_column": "label"}, "label_column: must be another column"),
        (LabelledFormat, {"columns": ("a", "label")}, "columns: must hold 'text' exactly once, among a, label"),
        (
            LabelledFormat,
            {"format": "jsonl", "columns": ("text", "label")},
            "columns: must be empty for the format jsonl",
        ),
        (LabelledFormat, {"format": "lines"}, "file_labels: must give one label a file"),
        (LabelledFormat, {"file_labels": ("a",)}, "file_labels: .* none for others"),
        (LabelledFormat, {"format": "lines", "file_labels": ("a", " ")}, "file_labels: must be labels"),
        (LabelledFormat, {"coarse": True}, "coarse: must be false, but for the format label_text"),
        (
            LabelledFormat,
            {"format": "label_text", "multi_label": True},
            "multi_label: must be false for the format label",
        ),
        (TaggedFormat, {"format": "csv"}, "format: must be one of conll, conllu, word_tag, masc"),
        (TaggedFormat, {"tag": None}, "tag: must be one of upos, xpos, not None"),
        (TaggedFormat, {"iob_to_bio": None}, "iob_to_bio: must be true or false"),
        (QuestionFormat, {"format": "csv"}, "format: must be one of squad, squad_pieces, babi"),
    ],
)
def test_formats_refuse_bad_fields(kind: type, fields: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=f"^{message}"):
        kind(**fields)


def test_format_found_by_the_ending_is_checked_as_one_given(tmp_path: Path) -> None:
    path = write(tmp_path, "a.jsonl", "")
    with pytest.raises(InvalidInput, match=re.escape("columns: must be empty for the format jsonl")):
        read_labelled_texts([path], LabelledFormat(columns=("text", "label")))


FRAGMENTS = ["1", "2", "1-2", *'\t\n\r ,"_#{}[]O\x00\ufeff\x85\xa0', "B-a", "text,label\n", "text\tlabel\n"]
LINES = ["1\ta\ta\tX\tX\t_\t_\t_\t_\t_\n", "1 a\n2 b?\ta\t1\n", '{"text": "a", "label": ', '{"data": [{"paragraphs": [']
PIECES = st.lists(st.sampled_from(FRAGMENTS + LINES) | st.text(max_size=3), max_size=12).map("".join)


@settings(deadline=None, max_examples=200)
@given(content=PIECES.map(str.encode) | st.binary(max_size=20))
def test_readers_give_examples_or_name_a_fault(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.context"
    for ending in (".context", ".question", ".answer", ".span"):
        path.with_suffix(ending).write_bytes(content)
    for read, kind, names in (
        (read_labelled_texts, LabelledFormat, ("csv", "tsv", "jsonl", "label_text")),
        (read_tagged, TaggedFormat, ("conll", "conllu", "word_tag", "masc")),
        (read_questions, QuestionFormat, ("squad", "squad_pieces", "babi")),
    ):
        for name in names:
            with suppress(InvalidInput):
                assert read([path], kind(name))[0].line >= 1  # type: ignore[operator]
