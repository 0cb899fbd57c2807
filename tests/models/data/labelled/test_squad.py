"""Readers of SQuAD's JSON and of its pieces."""

import json
from pathlib import Path
from typing import Any

import pytest

from models.data.labelled.examples import Answer, Question
from models.data.labelled.squad import read_squad, read_squad_pieces
from models.errors import InvalidText

CONTEXT = "The Bronx, now a borough, was the Northside."


def squad(**changes: Any) -> dict[str, Any]:
    answer = {"text": "the Northside", "answer_start": 30}
    entry = {"id": "q7", "question": "What was it?", "answers": [answer, {"text": "Northside", "answer_start": 34}]}
    return {"version": "1.1", "data": [{"paragraphs": [{"context": CONTEXT, "qas": [entry | changes]}]}]}


def test_read_squad_reads_answers_where_they_stand(tmp_path: Path) -> None:
    path = tmp_path / "train.json"
    path.write_text("\ufeff" + json.dumps(squad()))
    answers = (Answer("the Northside", 30), Answer("Northside", 34))
    assert read_squad(path) == [Question(CONTEXT, "What was it?", answers, 1)]


def test_read_squad_reads_questions_without_answer(tmp_path: Path) -> None:
    path = tmp_path / "train.json"
    path.write_text(json.dumps(squad(is_impossible=True, answers=[], plausible_answers=[{"text": "x"}])))
    assert read_squad(path) == [Question(CONTEXT, "What was it?", (), 1)]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{\n"data": [}', r"train\.json, line 2: must be JSON"),
        ("[" * 100_000, r"train\.json, line 1: must be JSON: "),
        ("1" * 5000, r"train\.json, line 1: must be JSON: Exceeds the limit"),
        ([], "the file must be an object whose 'data' is a list"),
        ({"data": [3]}, "each element of data must be an object whose 'paragraphs' is a list"),
        ({"data": [{"paragraphs": [{"context": 1}]}]}, "each paragraph must be an object whose 'context' is a text"),
        (squad(id=7), "question 1 must be an object whose 'id' is a text"),
        (squad(question=None), "question 'q7' must be an object whose 'question' is a text"),
        (squad(question=" "), r"train\.json, question 'q7': the question must not be empty"),
        (squad(question="\ud800?"), "question 'q7': the question must be Unicode"),
        (squad(answers=[]), "question 'q7': must have an answer, or is_impossible"),
        (
            squad(answers=[{"text": "x"}]),
            "each answer of question 'q7' must be an object whose 'answer_start' is a whole",
        ),
        (squad(answers=[{"text": "Bronx", "answer_start": 5}]), "question 'q7': .* 'Bronx' does not at character 5"),
        (squad(answers=[{"text": ".", "answer_start": -1}]), "question 'q7': .* does not at character -1"),
        (squad(answers=[{"text": "", "answer_start": 0}]), "question 'q7': .* does not at character 0"),
    ],
)
def test_read_squad_names_the_fault(content: Any, message: str, tmp_path: Path) -> None:
    path = tmp_path / "train.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(InvalidText, match=message):
        read_squad(path)


def write_pieces(folder: Path, **changes: str) -> Path:
    pieces = {
        "context": "It was  founded in the 19th-century , they say .\nIn Alba ( Iulia\n",
        "question": "When was it founded ?\nWhere ?\n",
        "answer": "19th\nAlba\n",
        "span": "5 5\n2 1\n",
    }
    for ending, content in (pieces | changes).items():
        (folder / f"val.{ending}").write_text(content)
    return folder / "val.context"


def test_read_squad_pieces_turns_tokens_into_characters(tmp_path: Path) -> None:
    path = write_pieces(tmp_path)
    first, second = path.read_text().splitlines()
    assert read_squad_pieces(path) == [
        Question(first, "When was it founded ?", (Answer("19th", 23),), 1),  # two blanks before "founded"
        Question(second, "Where ?", (Answer("Alba", 3),), 2),
    ]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"answer": "19th\n"}, r"val\.answer: must have as many lines as val\.context, 2, not 1"),
        ({"question": "When ?\n\n"}, r"val\.question, line 2: the question must not be empty"),
        ({"span": "5 5\n1 4\n"}, r"val\.span, line 2: must be the first .* from 0 to 3, not '1 4'"),
        ({"span": f"5 {'9' * 5000}\n2 1\n"}, r"val\.span, line 1: must be the first .* from 0 to 9"),
        ({"span": "5\n2 1\n"}, r"val\.span, line 1: must be the first .* from 0 to 9, not '5'"),
        (
            {"span": "4 4\n2 1\n"},
            r"val\.answer, line 1: must stand in the context at its span 4 4, and '19th' does not",
        ),
    ],
)
def test_read_squad_pieces_names_the_fault(changes: dict[str, str], message: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidText, match=message):
        read_squad_pieces(write_pieces(tmp_path, **changes))
