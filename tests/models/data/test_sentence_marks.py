"""Sentence marks: told from words by being on every line, and taken off."""

import pytest

from models.data.sentence_marks import SentenceMarks, split_off_marks

TAGGED = "<s> the cat sat on the mat </s>\n<s> the dog sat on the log </s>\n<s> a cat and a dog met </s>\n"
PLAIN = "the cat sat on the mat\nthe dog sat on the log\na cat and a dog met\n"


@pytest.mark.parametrize(
    ("text", "begin", "end"),
    [
        (TAGGED, True, True),
        ("\n \n" + TAGGED + "\n", True, True),
        (TAGGED + "a line without\n", False, False),
        ("<s> only here\nand not here\n", False, False),
        (PLAIN.replace("\n", " </s>\n"), False, True),
        ("I <s>never</s> said so.\n", False, False),
        ("<s> no whole line </s>", False, False),
        ("", False, False),
    ],
)
def test_sentence_marks_are_those_of_every_line(text: str, begin: bool, end: bool) -> None:
    assert SentenceMarks.of(text) == (begin, end)


def test_sentence_marks_are_stripped_from_the_ends_of_lines_alone() -> None:
    marks = SentenceMarks(begin=True, end=True)
    assert marks.remove_from("<s> a <s> b </s> c </s>\n<s>\td</s>\ne\n") == "a <s> b </s> c\nd\ne\n"
    assert SentenceMarks().remove_from(TAGGED) == TAGGED
    assert marks.notes() == ["`<s>` and `</s>` around the lines of the text are left out: its lines are sentences"]
    assert SentenceMarks(end=True).notes() == [
        "`</s>` around the lines of the text is left out: its lines are sentences"
    ]
    assert SentenceMarks().notes() == []


def test_split_off_marks_looks_at_the_first_chunk() -> None:
    marks, text = split_off_marks(["", TAGGED, "<s> a </s>\nb\n"])
    assert (marks, "".join(text)) == ((True, True), PLAIN + "a\nb\n")
    marks, text = split_off_marks(["a\n", TAGGED])
    assert (marks, "".join(text)) == ((False, False), "a\n" + TAGGED)
    assert "".join(split_off_marks([])[1]) == ""
