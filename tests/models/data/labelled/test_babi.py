"""Reader of bAbI's stories."""

from pathlib import Path

import pytest

from models.data.labelled.babi import read_babi
from models.data.labelled.examples import Answer, Question
from models.errors import InvalidText

STORIES = """\
1 Mary went to the hall.
2 John took the ball.
3 Where is Mary? \thall\t1
4 Mary is no longer in the hall.
5 Is Mary in the hall?\tno\t4
1 Wolves are afraid of mice.
2 Emily is a wolf.
3 What is Emily afraid of?\tmouse\t2 1
4 What is Emily?\twolf\t1 2
"""


def test_read_babi_reads_stories_as_far_as_each_question(tmp_path: Path) -> None:
    path = tmp_path / "qa.txt"
    path.write_text(STORIES)
    mary = "Mary went to the hall.\nJohn took the ball."
    emily = "Wolves are afraid of mice.\nEmily is a wolf."
    assert read_babi(path) == [
        Question(mary, "Where is Mary?", (Answer("hall", 17),), 3, (0,)),
        Question(mary + "\nMary is no longer in the hall.", "Is Mary in the hall?", (Answer("no", None),), 5, (2,)),
        Question(emily, "What is Emily afraid of?", (Answer("mouse", None),), 8, (1, 0)),
        Question(emily, "What is Emily?", (Answer("wolf", 38),), 9, (0, 1)),
    ]


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        ("2 a\n", 1, "must begin with the number 1, or 1 for a new story, not '2'"),
        ("1 a\n\n3 b\n", 3, "must begin with the number 2, or 1"),
        ("1 a\nb\n", 2, "must begin with the number 2, or 1 for a new story, not 'b'"),
        ("1\n", 1, "the sentence must not be empty"),
        ("1 a\n2 \tb\t1\n", 2, "the question must not be empty"),
        ("1 a\n2 c\t\t1\n", 2, "the answer must not be empty"),
        ("1 a\n2 c?\td\t2\n", 2, "must name sentences before it as supporting; '2' is none"),
        ("1 a\n2 c?\td\t1\n3 e?\tf\t2\n", 3, "must name sentences before it as supporting; '2' is none"),
        ("1 a\n1 c?\td\t1\n", 2, "must name sentences before it as supporting; '1' is none"),
        ("1 a\n2 c?\td\t1\te\n", 2, "must be question, answer and supporting sentences, not 4 columns"),
    ],
)
def test_read_babi_names_the_first_fault(content: str, line: int, message: str, tmp_path: Path) -> None:
    path = tmp_path / "qa.txt"
    path.write_text(content)
    with pytest.raises(InvalidText, match=rf"qa\.txt, line {line}: {message}"):
        read_babi(path)
