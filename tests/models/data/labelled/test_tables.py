"""Readers of labelled texts: what each reads, and the line of the first fault."""

import csv
import gzip
import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.data.labelled.config import LabelledFormat
from models.data.labelled.examples import LabelledText
from models.data.labelled.tables import read_jsonl, read_label_lines, read_lines_with_label, read_table
from models.errors import InvalidText

CSV = LabelledFormat("csv")
TSV = LabelledFormat("tsv")
JSONL = LabelledFormat("jsonl")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data.txt"


def test_read_table_reads_csv_with_its_header(path: Path) -> None:
    path.write_bytes(b'\xef\xbb\xbfid,label,text\r\n1,good,"a ""fine"", long\r\nfilm"\r\n\r\n2, bad ,dull\r\n')
    assert read_table(path, CSV) == [
        LabelledText('a "fine", long\nfilm', ("good",), 2),
        LabelledText("dull", ("bad",), 5),
    ]


def test_read_table_takes_quotes_of_tsv_for_text(path: Path) -> None:
    path.write_text('1\t" so-called\n0\tdull "\n')
    options = LabelledFormat("tsv", columns=("label", "text"))
    assert read_table(path, options) == [LabelledText('" so-called', ("1",), 1), LabelledText('dull "', ("0",), 2)]


def test_read_table_chooses_columns_by_name(path: Path) -> None:
    path.write_text("review,stars,text\nfine,5,ignored\n")
    options = LabelledFormat("csv", text_column="review", label_column="stars")
    assert read_table(path, options) == [LabelledText("fine", ("5",), 2)]


def test_read_table_separates_several_labels(path: Path) -> None:
    path.write_text("text,label\nfine,a; b\nnone,\n")
    options = LabelledFormat("csv", multi_label=True, label_separator=";")
    assert read_table(path, options) == [LabelledText("fine", ("a", "b"), 2), LabelledText("none", (), 3)]


cells = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), min_size=1).filter(lambda text: text.strip())


@settings(deadline=None)
@given(rows=st.lists(st.tuples(cells, st.sampled_from(["a", "b,c", 'd"'])), min_size=1))
def test_read_table_reads_what_the_csv_module_writes(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]]
) -> None:
    file = io.StringIO()
    csv.writer(file).writerows([("text", "label"), *rows])
    path = tmp_path_factory.getbasetemp() / "written.csv"
    path.write_bytes(file.getvalue().encode())
    assert [(example.text, *example.labels) for example in read_table(path, CSV)] == rows


@pytest.mark.parametrize(
    ("options", "content", "line", "message"),
    [
        (CSV, b"", 1, "must name the column 'text' exactly once; it names none"),
        (CSV, b"\n\nid,label\n", 3, "must name the column 'text' exactly once; it names id, label"),
        (CSV, b"text,label,label\n", 1, "must name the column 'label' exactly once"),
        (CSV, b'text,label\n"a\nb",c\nd\n', 4, r"must have 2 columns \(text, label\), not 1"),
        (CSV, b"text,label\na,b\n ,b\n", 3, "text must not be empty"),
        (CSV, b"text,label\na,b\na,\n", 3, "label must not be empty"),
        (CSV, b'text,label\n"a" b,c\n', 2, "must be a row of csv"),
        (CSV, b'text,label\na,b\n"c,d\n\n', 3, "must be a row of csv: unexpected end"),
        (TSV, b"text\tlabel\na\tb\n\t\n", 3, "text must not be empty"),
        (TSV, b"text\tlabel\na\tb\tc\n", 2, "must have 2 columns"),
        (CSV, b"text,label\na,b\n\xff,b\n", 3, r"must be UTF-8, and byte 15 \(from 0\) of the file is not"),
        (LabelledFormat("csv", multi_label=True), b"text,label\na,b|c|b\n", 2, "label must not hold a label twice"),
        (LabelledFormat("csv", multi_label=True), b"text,label\na,b||c\n", 2, "label must not be empty"),
    ],
)
def test_read_table_names_the_first_fault(
    options: LabelledFormat, content: bytes, line: int, message: str, path: Path
) -> None:
    path.write_bytes(content)
    with pytest.raises(InvalidText, match=rf"data\.txt, line {line}: {message}"):
        read_table(path, options)


def test_read_table_reads_latin_1(path: Path) -> None:
    path.write_bytes(b"text,label\ncaf\xe9,b\n")
    assert read_table(path, LabelledFormat("csv", encoding="latin-1"))[0].text == "café"


@pytest.mark.parametrize(
    "content",
    [
        gzip.compress(b"text,label\ncaf\xc3\xa9,b\n"),
        "\ufefftext,label\rcafé,b\r".encode(),
        "\ufefftext,label\r\ncafé,b\r\n".encode("utf-16-le"),
    ],
    ids=["gzip", "mark and cr", "utf-16"],
)
def test_read_table_reads_text_as_people_have_it(content: bytes, path: Path) -> None:
    path.write_bytes(content)
    assert read_table(path, LabelledFormat("csv")) == [LabelledText("café", ("b",), 2)]


def test_read_table_names_a_line_that_is_not_in_the_encoding(path: Path) -> None:
    path.write_bytes(b"text,label\r\na,b\rc\x81,d\n")
    with pytest.raises(InvalidText, match=r"data\.txt, line 3: must be cp1252, and is not"):
        read_table(path, LabelledFormat("csv", encoding="cp1252"))


def test_read_jsonl_reads_texts_numbers_and_lists(path: Path) -> None:
    path.write_text('{"text": "fine\\n", "label": "good"}\n\n{"label": 0, "text": "dull", "more": null}\n')
    assert read_jsonl(path, JSONL) == [LabelledText("fine\n", ("good",), 1), LabelledText("dull", ("0",), 3)]
    path.write_text('{"text": "fine", "label": ["a", 2]}\n{"text": "none", "label": []}')
    several = read_jsonl(path, LabelledFormat("jsonl", multi_label=True))
    assert several == [LabelledText("fine", ("a", "2"), 1), LabelledText("none", (), 2)]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("{", "must be JSON"),
        ("[" * 100_000, "must be JSON"),
        ("[]", "must be an object with 'text' and 'label'"),
        ('{"text": "a"}', "must be an object with 'text' and 'label'"),
        ('{"text": 3, "label": "a"}', "text must be a text, not 3"),
        ('{"text": "a", "label": true}', "label must be a text, not True"),
        ('{"text": "a", "label": ["b"]}', "label must be one label; a list needs multi_label"),
        ('{"text": "a\\ud800", "label": "b"}', "text must be Unicode; its character 1 is half a surrogate pair"),
    ],
)
def test_read_jsonl_names_the_first_fault(row: str, message: str, path: Path) -> None:
    path.write_text('{"text": "a", "label": "b"}\n' + row + "\n")
    with pytest.raises(InvalidText, match=f"line 2: {message}"):
        read_jsonl(path, JSONL)


def test_read_lines_with_label_skips_blank_lines(path: Path) -> None:
    path.write_text("fine film . \n\ngood\n")
    assert read_lines_with_label(path, "pos") == [
        LabelledText("fine film .", ("pos",), 1),
        LabelledText("good", ("pos",), 3),
    ]


def test_read_label_lines_splits_at_the_first_blank(path: Path) -> None:
    path.write_text("DESC:manner How did it end ?\n")
    options = LabelledFormat("label_text")
    assert read_label_lines(path, options) == [LabelledText("How did it end ?", ("DESC:manner",), 1)]
    assert read_label_lines(path, LabelledFormat("label_text", coarse=True))[0].labels == ("DESC",)
    path.write_text("a b\nDESC:manner\n")
    with pytest.raises(InvalidText, match="line 2: the text after the label must not be empty"):
        read_label_lines(path, options)
    path.write_text(":manner How\n")
    with pytest.raises(InvalidText, match="line 1: the label before the colon must not be empty"):
        read_label_lines(path, LabelledFormat("label_text", coarse=True))
