"""Rescoring: the formula computed by hand, and the order."""

import httpx
import pytest

from app.schemas.rescore import RescoreAnswer

HYPOTHESES = [
    {"text": "the cat saw a zebra", "score": -3.0},
    {"text": "the cat saw a bird", "score": -3.5},
    {"text": "cat the a saw bird", "score": -1.0},
]


def ask(client: httpx.Client, model: str = "words", **body: object) -> dict:
    answer = client.post(f"/v1/models/{model}/rescore", json={"hypotheses": HYPOTHESES, **body})
    assert answer.status_code == 200, answer.text
    RescoreAnswer.model_validate(answer.json())
    return answer.json()


def test_rescore_total_is_the_documented_sum(client: httpx.Client) -> None:
    content = ask(client, lm_weight=0.5, word_bonus=0.25, oov_penalty=2.0, context="at night ,")
    texts = [hypothesis["text"] for hypothesis in HYPOTHESES]
    scored = client.post("/v1/models/words/probability", json={"text": texts, "context": "at night ,"}).json()
    for ranked in content["results"]:
        original, score = HYPOTHESES[ranked["index"]], scored["results"][ranked["index"]]
        assert (ranked["text"], ranked["logprob"]) == (original["text"], score["logprob"])
        assert (ranked["words"], ranked["token_count"], ranked["oov_count"]) == (5, 6, score["oov_count"])
        # score + lm_weight * logprob + word_bonus * words - oov_penalty * oov_count
        expected = original["score"] + 0.5 * score["logprob"] + 0.25 * 5 - 2.0 * score["oov_count"]
        assert ranked["total"] == pytest.approx(expected)
        assert sum(ranked["parts"].values()) == pytest.approx(expected)
    assert content["results"][0]["text"] == "the cat saw a bird"


def test_rescore_without_the_model_keeps_the_recognisers_order(client: httpx.Client) -> None:
    assert [ranked["index"] for ranked in ask(client, lm_weight=0)["results"]] == [2, 0, 1]


def test_rescore_ranks_impossible_hypotheses_last(client: httpx.Client) -> None:
    content = ask(client, "counts")["results"]
    assert content[0]["text"] == "the cat saw a bird" or content[0]["total"] is None
    ruled_out = [ranked for ranked in content if ranked["total"] is None]
    assert ruled_out
    assert content[-len(ruled_out) :] == ruled_out
    assert all(ranked["zero_probability"] and ranked["parts"]["lm"] is None for ranked in ruled_out)
    assert all(ranked["total"] is not None for ranked in ask(client, "counts", lm_weight=0.0)["results"])


def test_rescore_keeps_the_order_of_ties(client: httpx.Client) -> None:
    same = [{"text": "a bird"}] * 5
    content = ask(client, hypotheses=same)["results"]
    assert [ranked["index"] for ranked in content] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"hypotheses": []}, "hypotheses"),
        ({"hypotheses": {"text": "a"}}, "hypotheses"),
        ({"lm_weight": 1e300}, "lm_weight"),
    ],
)
def test_rescore_names_the_field_at_fault(client: httpx.Client, body: dict[str, object], param: str) -> None:
    answer = client.post("/v1/models/words/rescore", json={"hypotheses": HYPOTHESES, **body})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)
