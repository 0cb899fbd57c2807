"""The fast path answers exactly as the framework does, errors included."""

import httpx
import pytest

TEXTS = ["", "the", "the old zebra", "a bird\nsaw", "the  cat\tsaw ,don't", "\u4e2d the", "the " * 600]
SHORT, ROUND = "application/json; charset=utf-8", "application/nextword+json"


def both(client: httpx.Client, route: str, body: object) -> tuple[httpx.Response, httpx.Response]:
    path = f"/v1/models/{route}"
    return client.post(path, json=body, headers={"content-type": SHORT}), client.post(
        path, json=body, headers={"content-type": ROUND}
    )


@pytest.mark.parametrize("model", ["words", "counts", "letters", "lstm"])
def test_fast_path_answers_like_the_framework(client: httpx.Client, model: str) -> None:
    for text in TEXTS:
        bodies = {
            "next": {"context": text, "top_k": 3},
            "probability": {"text": text, "context": text, "tokens": True},
            "rescore": {"hypotheses": [{"text": text}, {"text": "the"}]},
            "generate": {"prompt": text, "max_tokens": 3, "seed": 1, "n": 2},
        }
        for route, body in bodies.items():
            short, long = both(client, f"{model}/{route}", body)
            assert short.status_code == 200
            assert short.content == long.content


@pytest.mark.parametrize(
    ("route", "body"),
    [
        ("words/next", {"context": 1}),
        ("words/next", {"top_k": -1}),
        ("words/probability", {}),
        ("words/probability", [1]),
        ("nothing/next", {}),
        ("nothing/probability", {}),
        ("words/next", {"context": ["a"] * 1025}),
        ("words/generate", {"prompt": "the", "n": 0}),
        ("lstm/generate", {"prompt": "the", "max_tokens": 10**6}),
        ("words/nothing", {}),
    ],
)
def test_fast_path_reports_errors_like_the_framework(client: httpx.Client, route: str, body: object) -> None:
    short, long = both(client, route, body)
    assert 400 <= short.status_code < 500
    assert (short.status_code, short.json()) == (long.status_code, long.json())


@pytest.mark.parametrize("bos", [True, False])
@pytest.mark.parametrize("special", [True, False])
def test_next_of_one_context_equals_a_batch(client: httpx.Client, bos: bool, special: bool) -> None:
    for model in ("words", "counts"):
        for text in TEXTS:
            for k in (1, 3, 999):
                body = {"context": text, "top_k": k, "bos": bos, "special": special}
                alone = client.post(f"/v1/models/{model}/next", json=body).json()
                batch = client.post(f"/v1/models/{model}/next", json=body | {"context": [text, "a"]}).json()
                assert {"model": alone.pop("model"), "results": [alone]} == batch | {"results": batch["results"][:1]}


@pytest.mark.parametrize("flags", [{}, {"bos": False}, {"eos": False}, {"context": "the zebra"}])
def test_probability_of_one_text_equals_a_batch(client: httpx.Client, flags: dict) -> None:
    for model in ("words", "counts"):
        for text in TEXTS:
            body = {"text": text, "tokens": True} | flags
            alone = client.post(f"/v1/models/{model}/probability", json=body).json()
            batch = client.post(f"/v1/models/{model}/probability", json=body | {"text": [text, "a"]}).json()
            assert alone["results"] == batch["results"][:1]
