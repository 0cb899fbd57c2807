"""The gibberish check over HTTP has the library's figures, and Guardrails' client can read it."""

import httpx
import pytest

from app.schemas.trades.heuristics import HeuristicsAnswer, score_fields
from models.checkpoint.load import Checkpoint
from models.evaluation.gibberish import score_gibberish
from models.utils.progress import run_to_completion

LONG = "the old dog and the cat saw a bird , and my friend liked the cat and the dog and the bird and slept ."


def ask(client: httpx.Client, model: str, **body: object) -> dict:
    answer = client.post(f"/m/{model}/heuristics", json=body)
    assert answer.status_code == 200, answer.text
    HeuristicsAnswer.model_validate(answer.json())
    return answer.json()


@pytest.mark.parametrize("model", ["words", "letters", "lstm"])
@pytest.mark.parametrize("prompt", [LONG, "the cat\nsaw zebras", "the", ""])
def test_heuristics_have_the_figures_of_the_library(
    client: httpx.Client, local: dict[str, Checkpoint], model: str, prompt: str
) -> None:
    content = ask(client, model, prompt=prompt, window=4)
    checkpoint = local[model]
    expected = score_fields(
        run_to_completion(score_gibberish(checkpoint.language_model, checkpoint.tokenizer, prompt, 4))
    )
    for name, value in expected.items():
        assert content["scores"][name] == (None if value is None else pytest.approx(value, rel=1e-4)), name


def test_heuristics_compare_with_each_threshold(client: httpx.Client) -> None:
    scores = ask(client, "words", prompt=LONG)["scores"]
    ends = max(scores["prefix_perplexity"], scores["suffix_perplexity"])
    for name, field, figure in [
        ("length_per_perplexity", "lp_threshold", scores["length_per_perplexity"]),
        ("prefix_suffix_perplexity", "ps_ppl_threshold", ends),
        ("window_perplexity", "window_ppl_threshold", scores["window_perplexity"]),
    ]:
        never = {"lp_threshold": 1e9, "ps_ppl_threshold": 1e9, "window_ppl_threshold": 1e9}
        at, above = (ask(client, "words", prompt=LONG, **never | {field: figure * factor}) for factor in (1, 1.01))
        assert (at[name], at["jailbreak"]) == (True, True)
        assert (above[name], above["jailbreak"]) == (False, False)


def test_heuristics_have_the_defaults_of_guardrails(client: httpx.Client) -> None:
    content = ask(client, "words", prompt=LONG, lp_threshold=None)
    assert (content["lp_threshold"], content["ps_ppl_threshold"]) == (89.79, 1845.65)
    assert "window_perplexity" not in content


def test_heuristics_report_nothing_of_what_is_too_short(client: httpx.Client) -> None:
    content = ask(client, "words", prompt="the", lp_threshold=1e-6, ps_ppl_threshold=1e-6, window_ppl_threshold=1e-6)
    assert not content["jailbreak"]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"prompt": "a", "lp_threshold": 0}, "lp_threshold"),
        ({"prompt": "a", "ps_ppl_threshold": "high"}, "ps_ppl_threshold"),
        ({"prompt": "a", "window": 0}, "window"),
        ({"lp_threshold": 1}, "prompt"),
    ],
)
def test_heuristics_refuse_what_is_not_acceptable(client: httpx.Client, body: dict, param: str) -> None:
    answer = client.post("/m/words/heuristics", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param


def test_heuristics_answer_what_guardrails_sends(client: httpx.Client) -> None:
    """The request of `jailbreak_detection_heuristics_request` of nemoguardrails 0.24.1, and what it reads."""
    payload = {"prompt": LONG, "lp_threshold": 89.79, "ps_ppl_threshold": 1.5}
    answer = client.post("/m/words/heuristics", json=payload)
    assert answer.status_code == 200
    assert answer.json()["jailbreak"] is True
