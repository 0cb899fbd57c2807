"""The effort of filling blanks grows with blanks, beam and words; too much is refused at once."""

import httpx
import pytest

from app.routes.tasks.fill_effort import FillEffort, estimate_fill
from models.model import Model
from models.tasks.fill_in.query import FillQuery
from tests.helpers.serving import WORDS, fill_in, ngram, recurrent

SIZE = WORDS.vocabulary_size
ONE, THREE = "a ___ b", "___ ___ a ___"


@pytest.mark.parametrize(
    ("model", "query", "text", "expected"),
    [
        # A network reads 50 tokens for the blank; two fillings are shown with 7 characters each.
        (fill_in(), FillQuery(2), ONE, FillEffort(50, SIZE, 2, 14)),
        # Once for the first blank, and for each of the others once for each of 5 fillings: 50 (1 + 2 x 5).
        (fill_in(), FillQuery(2, beam=5), THREE, FillEffort(550, 5 * SIZE, 2, 26)),
        # Two candidates make 4 fillings of two blanks; each of 8 repeats 13 characters, and 3 words twice.
        (fill_in(), FillQuery(0, ("a", "old"), beam=4), THREE, FillEffort(450, 8, 8, 8 * (13 + 18))),
        # A trigram model reads the text, and each word with the 2 tokens after it.
        (ngram(), FillQuery(2), ONE, FillEffort(50 + SIZE * 3, SIZE, 2, 14)),
        # A recurrent one reads the 3 listed words with all that follows.
        (recurrent(), FillQuery(2, shortlist=3), ONE, FillEffort(50 + 3 * 51, 3, 2, 14)),
        # Three blanks part 50 tokens: 17 after each; 11 readings of 3 words with them.
        (recurrent(), FillQuery(0, shortlist=3, beam=5), THREE, FillEffort(50 + 11 * 3 * 18, 15, 15, 15 * 13)),
    ],
)
def test_estimate_fill_counts_words_blanks_and_beam(
    model: Model, query: FillQuery, text: str, expected: FillEffort
) -> None:
    assert estimate_fill(model, query, text, 50) == expected


@pytest.mark.parametrize("model", ["words", "lstm", "filler"])
@pytest.mark.parametrize(
    ("body", "param"),
    [
        # 1,000 x 1,024 fillings at a time, one of which would be told.
        ({"text": "___ " * 8, "beam": 1000, "top_k": 1, "candidates": [f"word{i}" for i in range(1024)]}, "beam"),
        # 300 texts, 60 x 60 fillings each.
        ({"text": ["___ ___"] * 300, "top_k": 0, "candidates": [f"word{i}" for i in range(60)], "beam": 60}, "top_k"),
        # 1,024 fillings, each with a text of 24,000 characters.
        ({"text": "the old " * 3000 + "___", "top_k": 0, "candidates": [f"word{i}" for i in range(1024)]}, "top_k"),
        # 47 x 47 fillings, each with a text of 9,600 characters.
        ({"text": "a" * 9600 + " ___ ___", "top_k": 0, "beam": 50, "candidates": [f"{i}" for i in range(47)]}, "top_k"),
        ({"text": "___", "candidates": ["a", "b" * 101]}, "candidates"),
    ],
)
def test_fill_refuses_what_would_fill_the_memory(
    tasks: httpx.Client, model: str, body: dict[str, object], param: str
) -> None:
    answer = tasks.post(f"/v1/models/{model}/fill", json=body)
    error = answer.json()["error"]
    assert (answer.status_code, error["param"], error["code"]) == (400, param, "invalid_input")
    assert error["message"].startswith(f"{param}: at most ")
