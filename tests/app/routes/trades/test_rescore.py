"""Rescoring: the formula computed by hand, and the order."""

import httpx
import numpy as np
import pytest

from app.schemas.trades.rescore import RescoreAnswer, RescoreBatch
from app.schemas.trades.tune import tuning_content
from models.checkpoint.load import Checkpoint
from models.data.labelled.nbest import NbestHypothesis, NbestList
from models.evaluation.rescoring.edit_distance import edit_distances
from models.evaluation.rescoring.nbest_scores import Scorer
from models.evaluation.rescoring.tuning import tune
from models.utils.progress import run_to_completion

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
    ruled_out = [ranked for ranked in content if ranked.get("zero_probability")]
    assert ruled_out
    assert content[-len(ruled_out) :] == ruled_out
    assert content[0]["text"] == "the cat saw a bird" or content[0] in ruled_out
    assert all(ranked["logprob"] is None and ranked["zero_count"] >= 1 for ranked in ruled_out)
    assert all(ranked["parts"]["lm"] == 0 for ranked in ask(client, "counts", lm_weight=0.0)["results"])


def test_rescore_ranks_impossible_hypotheses_by_what_is_left(client: httpx.Client) -> None:
    hypotheses = [{"text": text} for text in ("bird the cat saw", "bird cat the saw cat", "bird the cat")]
    content = ask(client, "counts", hypotheses=hypotheses, lm_weight=0.5, zero_logprob=-20)["results"]
    scored = client.post(
        "/v1/models/counts/probability", json={"text": [h["text"] for h in hypotheses], "tokens": True}
    ).json()["results"]
    for ranked in content:
        logprobs = [token["logprob"] for token in scored[ranked["index"]]["tokens"]]
        left = [logprob for logprob in logprobs if logprob is not None]
        assert ranked["zero_count"] == len(logprobs) - len(left) > 0
        assert ranked["total"] == pytest.approx(0.5 * (sum(left) - 20 * ranked["zero_count"]))
    assert [r["total"] for r in content] == sorted((r["total"] for r in content), reverse=True)


def test_rescore_counts_words_and_not_tokens(client: httpx.Client) -> None:
    hypotheses = [{"text": "the cat, it isn't  there."}, {"text": ""}]
    for model in ("words", "letters"):
        content = ask(client, model, hypotheses=hypotheses, word_bonus=2.0)["results"]
        words = {ranked["index"]: ranked["words"] for ranked in content}
        assert words == {0: 5, 1: 0}
        assert all(ranked["parts"]["words"] == 2.0 * ranked["words"] for ranked in content)


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


def test_rescore_weighs_several_models_of_other_tokens_with_signs(client: httpx.Client) -> None:
    weights = {"score_weight": 0.5, "lm_weight": 0.7, "word_bonus": 0.1, "oov_penalty": 1.0, "zero_logprob": -9.0}
    others = [{"model": "letters", "weight": 0.2, "oov_penalty": 3.0}, {"model": "counts@1", "weight": -0.3}]
    content = ask(client, **weights, models=others, context="at night ,")["results"]
    texts = [hypothesis["text"] for hypothesis in HYPOTHESES]
    alone = {
        name: {r["index"]: r for r in ask(client, name, zero_logprob=-9.0, context="at night ,")["results"]}
        for name in ("words", "letters", "counts")
    }
    for ranked in content:
        first, second, third = (alone[name][ranked["index"]] for name in alone)
        expected = 0.5 * HYPOTHESES[ranked["index"]]["score"] + 0.7 * first["parts"]["lm"] + 0.1 * 5
        expected -= first["oov_count"]
        more = [0.2 * second["parts"]["lm"] - 3.0 * second["oov_count"], -0.3 * third["parts"]["lm"]]
        assert ranked["total"] == pytest.approx(expected + sum(more))
        assert sum(ranked["parts"].values()) == pytest.approx(ranked["total"])
        assert ranked["text"] == texts[ranked["index"]]
        assert [other["model"] for other in ranked["models"]] == ["letters@1", "counts@1"]
        assert [other["part"] for other in ranked["models"]] == pytest.approx(more)
        assert ranked["models"][0]["token_count"] == second["token_count"] > ranked["token_count"]
    assert [r["total"] for r in content] == sorted((r["total"] for r in content), reverse=True)


def test_rescore_ranks_each_of_several_lists_after_its_own_context(client: httpx.Client) -> None:
    lists = [
        {"hypotheses": HYPOTHESES, "context": "at night ,"},
        {"hypotheses": HYPOTHESES[:1]},
        {"hypotheses": HYPOTHESES[1:], "context": "at night ,"},
    ]
    others = [{"model": "lstm", "weight": 0.5}]
    answer = client.post("/v1/models/words/rescore", json={"lists": lists, "models": others, "lm_weight": 0.3}).json()
    RescoreBatch.model_validate(answer)
    assert answer["model"] == "words@1"
    for part, ranked in zip(lists, answer["lists"], strict=True):
        alone = ask(client, **part, models=others, lm_weight=0.3)["results"]
        assert [(r["index"], r["text"]) for r in ranked["results"]] == [(r["index"], r["text"]) for r in alone]
        assert [r["total"] for r in ranked["results"]] == pytest.approx([r["total"] for r in alone], abs=1e-4)


def test_rescore_tells_the_errors_of_lists_without_a_good_hypothesis(client: httpx.Client) -> None:
    lists = [{"hypotheses": [{"score": 1}, "a dog"], "context": "at night"}, {"hypotheses": [{"text": 3}]}]
    answer = client.post("/v1/models/words/rescore", json={"lists": lists}).json()
    RescoreBatch.model_validate(answer)
    params = [[result["error"]["param"] for result in item["results"]] for item in answer["lists"]]
    assert params == [["lists.0.hypotheses.0.text", "lists.0.hypotheses.1"], ["lists.1.hypotheses.0.text"]]


def test_rescore_tells_the_errors_of_a_list_in_its_place(client: httpx.Client) -> None:
    lists = [
        {"hypotheses": []},
        {"hypotheses": [{"text": "a dog"}, {"score": 1}]},
        {"hypotheses": HYPOTHESES, "context": "a " * 10_000},
        {"hypotheses": HYPOTHESES},
        {"texts": ["a"]},
    ]
    answer = client.post("/v1/models/words/rescore", json={"lists": lists}).json()
    RescoreBatch.model_validate(answer)
    params = [item["error"]["param"] if "error" in item else None for item in answer["lists"]]
    assert params == ["lists.0.hypotheses", None, "lists.2.context", None, "lists.4.hypotheses"]
    refused = answer["lists"][1]["results"][1]
    assert (refused["index"], refused["error"]["param"]) == (1, "lists.1.hypotheses.1.text")
    assert answer["lists"][3]["results"] == ask(client)["results"]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "hypotheses"),
        ({"lists": []}, "lists"),
        ({"lists": [{"hypotheses": HYPOTHESES}], "hypotheses": HYPOTHESES}, "lists"),
        ({"lists": [{"hypotheses": HYPOTHESES}], "context": "a"}, "context"),
        ({"lists": [{"hypotheses": HYPOTHESES * 100}] * 4}, "hypotheses"),
        ({"hypotheses": HYPOTHESES, "context": "a " * 10_000}, "context"),
        ({"hypotheses": HYPOTHESES, "models": [{"model": "lstm"}]}, "models.0.weight"),
        ({"hypotheses": HYPOTHESES, "models": [{"model": "nobody", "weight": 1}]}, "models.0.model"),
        (
            {"hypotheses": HYPOTHESES, "models": [{"model": m, "weight": 1} for m in ("lstm", "lstm@2")]},
            "models.1.model",
        ),
    ],
)
def test_rescore_names_the_fault_of_lists_and_models(client: httpx.Client, body: dict, param: str) -> None:
    answer = client.post("/v1/models/words/rescore", json=body)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)


def test_rescore_makes_the_errors_that_tuning_foretells(client: httpx.Client, local: dict[str, Checkpoint]) -> None:
    rng, references = np.random.default_rng(0), ["the cat saw a bird", "a dog saw the old cat"]
    lists = []
    for i in range(20):
        words = references[i % 2].split()
        texts = [" ".join(rng.permutation(words)[: len(words) - j % 2]) for j in range(6)]
        hypotheses = tuple(
            NbestHypothesis(text, float(score)) for text, score in zip(texts, rng.normal(size=6), strict=True)
        )
        lists.append(NbestList(references[i % 2], hypotheses, "at night ," if i % 3 else "", i + 1))
    names = ["words", "letters", "lstm"]
    scorers = [Scorer(local[name].language_model, local[name].tokenizer) for name in names]
    tuning = run_to_completion(tune(lists, scorers))
    weights = tuning_content(names, tuning, -100.0)["weights"]
    body = [{"hypotheses": [vars(h) for h in item.hypotheses], "context": item.context} for item in lists]
    answer = client.post("/v1/models/words/rescore", json={"lists": body, **weights}).json()
    best = [ranked["results"][0]["text"].split() for ranked in answer["lists"]]
    errors = [edit_distances(item.reference.split(), [words])[0] for item, words in zip(lists, best, strict=True)]
    assert sum(errors) == tuning.errors.tuned < tuning.errors.first_pass
