"""Analyses over HTTP equal the library's and those of `/probability`."""

import csv
import io
import json
import math
from collections.abc import Sequence

import httpx
import pytest

from app.schemas.trades.analyze import TSV_COLUMNS, AnalyzeAnswer

TEXT = "my friend liked the zebra, and slept .\r\n a bird"
MODELS = ["words", "counts", "letters", "lstm", "gru"]


def send(client: httpx.Client, model: str, accept: str = "*/*", **body: object) -> httpx.Response:
    return client.post(f"/v1/models/{model}/analyze", json={"text": TEXT, **body}, headers={"accept": accept})


def ask(client: httpx.Client, model: str, **body: object) -> list[dict]:
    answer = send(client, model, **body)
    assert answer.status_code == 200, answer.text
    AnalyzeAnswer.model_validate(answer.json())
    return answer.json()["results"]


def units(client: httpx.Client, model: str, **body: object) -> list[dict]:
    return ask(client, model, **body)[0]["units"]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("flags", [{}, {"bos": False}, {"eos": False}, {"context": "the old dog"}])
def test_analyze_tells_of_tokens_what_probability_tells(client: httpx.Client, model: str, flags: dict) -> None:
    body = {"text": TEXT, "top_logprobs": 1, **flags}
    scored = client.post(f"/v1/models/{model}/probability", json=body).json()["results"][0]
    (result,) = ask(client, model, **flags)
    tokens = [token for unit in result["units"] for token in unit["tokens"]]
    for token, expected in zip(tokens, scored["tokens"], strict=True):
        bits = None if expected["logprob"] is None else pytest.approx(-expected["logprob"] / math.log(2))
        assert token["surprisal"] == bits
        assert token.get("matched_order") == expected.get("matched_order")
        for field in ("token", "id", "oov", "rank"):
            assert token[field] == expected[field], field
    assert (result["token_count"], result["oov_count"]) == (scored["token_count"], scored["oov_count"])


@pytest.mark.parametrize("model", MODELS)
def test_analyze_places_words_in_the_text_as_sent(client: httpx.Client, model: str) -> None:
    found = units(client, model, eos=False)
    assert [unit["text"] for unit in found if unit["text"].strip()] == TEXT.split()
    assert all(unit["text"] == TEXT[unit["begin"] : unit["end"]] for unit in found)


def test_analyze_sums_the_tokens_of_a_word(client: httpx.Client) -> None:
    word = units(client, "words")[4]
    assert (word["text"], word["token_count"], word["oov"], word["rank"]) == ("zebra,", 2, True, None)
    assert word["surprisal"] == pytest.approx(sum(token["surprisal"] for token in word["tokens"]))
    assert word["entropy"] == word["tokens"][0]["entropy"]


def test_analyze_tells_of_lines_and_spans(client: httpx.Client) -> None:
    assert [unit["text"] for unit in units(client, "lstm", unit="line")] == [TEXT[:38], "a bird"]
    assert [unit["text"] for unit in units(client, "lstm", spans=[[3, 15], [0, 2]])] == ["friend liked", "my"]


def test_analyze_gives_each_unit_a_running_perplexity(client: httpx.Client) -> None:
    (result,) = ask(client, "lstm", window=10**6)
    whole = 2 ** (result["surprisal"] / result["token_count"])
    assert result["units"][-1]["window_perplexity"] == pytest.approx(whole, rel=1e-6)
    assert "window_perplexity" not in units(client, "lstm")[0]


def test_analyze_marks_a_probability_of_zero(client: httpx.Client) -> None:
    found = units(client, "counts")
    assert any(unit["surprisal"] is None for unit in found)
    assert all((unit["surprisal"] is None) == unit.get("zero_probability", False) for unit in found)


def test_analyze_writes_a_unit_a_line(client: httpx.Client) -> None:
    texts = ["the cat", "a bird"]
    answer = send(client, "lstm", "application/x-ndjson", text=texts)
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    assert answer.headers["x-model"] == "lstm@1"
    lines = [json.loads(line) for line in answer.text.splitlines()]
    whole = ask(client, "lstm", text=texts)
    assert lines == [{"text_index": i, **unit} for i, result in enumerate(whole) for unit in result["units"]]


@pytest.mark.parametrize("model", ["words", "counts"])
def test_analyze_writes_a_table(client: httpx.Client, model: str) -> None:
    answer = send(client, model, "text/tab-separated-values", window=3)
    rows = list(csv.DictReader(io.StringIO(answer.text), dialect="excel-tab"))
    assert tuple(rows[0]) == TSV_COLUMNS
    for row, unit in zip(rows, units(client, model, window=3), strict=True):
        assert row["text"] == unit["text"]
        expected = math.inf if unit["surprisal"] is None else unit["surprisal"]
        assert float(row["surprisal"]) == pytest.approx(expected)


def test_analyze_tells_errors_in_their_places(client: httpx.Client) -> None:
    texts: Sequence[object] = ["the cat", 5]
    good, bad = ask(client, "words", text=texts)
    assert len(good["units"]) == 3
    assert bad["error"]["param"] == "text.1"
    assert json.loads(send(client, "words", "application/x-ndjson", text=texts).text.splitlines()[-1])["error"]
    assert send(client, "words", "text/tab-separated-values", text=texts).json()["error"]["param"] == "text.1"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"spans": [[0, 1]]}, "spans.0"),
        ({"spans": [[0, 2, 3]]}, "spans.0"),
        ({"spans": []}, "spans"),
        ({"spans": [[0, 2]], "text": ["the cat"]}, "spans"),
        ({"window": 0}, "window"),
        ({"unit": "token"}, "unit"),
        ({"text": 3}, "text"),
    ],
)
def test_analyze_refuses_what_it_cannot_tell_of(client: httpx.Client, body: dict, field: str) -> None:
    answer = send(client, "words", **body)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, field), answer.text
