"""Readers of tagged sentences: columns, CoNLL-U and `word_TAG` pieces."""

from collections.abc import Callable
from pathlib import Path

import pytest

from models.data.labelled.conll import iob_to_bio, read_conll, read_conllu, read_word_tags
from models.data.labelled.examples import TaggedSentence
from models.errors import InvalidText


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data.txt"


def test_read_conll_reads_tabs_and_blanks(path: Path) -> None:
    path.write_text("#one\tB-a\nNew York\tO\n\t\n\n \nmore O\r\n")
    assert read_conll(path) == [
        TaggedSentence(("#one", "New York"), ("B-a", "O"), 1),
        TaggedSentence(("more",), ("O",), 6),
    ]


def test_read_conll_takes_the_first_and_the_last_column_and_no_document_starts(path: Path) -> None:
    path.write_text("-DOCSTART- -X- -X- O\n\nEU NNP B-NP B-ORG\nrejects VBZ B-VP O\n")
    assert read_conll(path) == [TaggedSentence(("EU", "rejects"), ("B-ORG", "O"), 3)]


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        ("a O\n\nb\n", 3, "must have 2 columns, the token first and the tag last, not 1"),
        ("a\n", 1, "must have at least 2 columns"),
        ("a O\nb x O\n", 2, "must have 2 columns"),
        ("a\tO\n\tO\n", 2, "the token must not be empty"),
        ("a\tO\nb\t\n", 2, "the tag must not be empty"),
    ],
)
def test_read_conll_names_the_first_fault(content: str, line: int, message: str, path: Path) -> None:
    path.write_text(content)
    with pytest.raises(InvalidText, match=rf"data\.txt, line {line}: {message}"):
        read_conll(path)


CONLLU = """\
# text = don't go
1-2\tdon't\t_\t_\t_\t_\t_\t_\t_\t_
1\tdo\tdo\tAUX\tVB\t_\t3\taux\t_\t_
2\tn't\tnot\tPART\tRB\t_\t3\tadvmod\t_\t_
2.1\tever\tever\tADV\t_\t_\t_\t_\t_\t_
3\tgo\tgo\tVERB\tVB\t_\t0\troot\t_\t_

# text = #
1\t#\t#\tSYM\t_\t_\t0\troot\t_\t_
"""


def test_read_conllu_reads_words_alone(path: Path) -> None:
    path.write_text(CONLLU)
    assert read_conllu(path) == [
        TaggedSentence(("do", "n't", "go"), ("AUX", "PART", "VERB"), 3),
        TaggedSentence(("#",), ("SYM",), 9),
    ]
    with pytest.raises(InvalidText, match=r"line 9: must have a tag in the column XPOS, and has none \(_\)"):
        read_conllu(path, "xpos")


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        ("# a\n1\ta\tO\n", 2, "must have 10 columns separated by tabs, not 3"),
        (CONLLU.replace("\n2\t", "\ntwo\t"), 4, "must begin with the number of a word, as 1, 1-2 or 1.1, not 'two'"),
    ],
)
def test_read_conllu_names_the_first_fault(content: str, line: int, message: str, path: Path) -> None:
    path.write_text(content)
    with pytest.raises(InvalidText, match=f"line {line}: {message}"):
        read_conllu(path)


def test_read_word_tags_splits_at_the_last_underscore(path: Path) -> None:
    path.write_text("O_K_JJ ,_, go_VB\n\n__NN x\u00a0y_NN\n")
    assert read_word_tags(path) == [
        TaggedSentence(("O_K", ",", "go"), ("JJ", ",", "VB"), 1),
        TaggedSentence(("_", "x\u00a0y"), ("NN", "NN"), 3),
    ]


@pytest.mark.parametrize("piece", ["D. C._NN", "_NN", "a_", "a_DT ."])
def test_read_word_tags_names_the_first_fault(piece: str, path: Path) -> None:
    path.write_text(f"a_DT\nin_IN {piece}\n")
    with pytest.raises(InvalidText, match=r"line 2: must be pieces word_TAG between blanks; '.*' is none"):
        read_word_tags(path)


def test_read_word_tags_joins_pieces(path: Path) -> None:
    path.write_text("in_IN D. C._NN _NN . . ._... go_VB .\n_UH\n")
    assert read_word_tags(path, in_pieces=True) == [
        TaggedSentence(("in", "D. C.", ". . .", "go"), ("IN", "NN", "...", "VB"), 1)
    ]


@pytest.mark.parametrize("read", [read_conll, read_conllu, read_word_tags])
def test_readers_refuse_no_file(read: Callable[[Path], object], path: Path) -> None:
    with pytest.raises(ValueError, match="files: must be readable"):
        read(path)


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ("O I-A I-A O I-A", "O B-A I-A O B-A"),
        ("I-A I-B I-B", "B-A B-B I-B"),
        ("B-A I-A B-A I-A", "B-A I-A B-A I-A"),
        ("I-x-y I-x-y NN", "B-x-y I-x-y NN"),
    ],
)
def test_iob_to_bio_begins_each_span(tags: str, expected: str) -> None:
    assert iob_to_bio(tags.split()) == tuple(expected.split())
    assert iob_to_bio(expected.split()) == tuple(expected.split())  # BIO stays as it is
