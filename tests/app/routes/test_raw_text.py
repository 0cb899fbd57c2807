"""Raw text over HTTP: a byte order mark and other newlines change no figure, at any door."""

import httpx
import pytest

PLAIN = "the cat saw a bird .\nthe old dog slept .\n"
SENT = [
    "\ufeff" + PLAIN,
    PLAIN.replace("\n", "\r\n"),
    PLAIN.replace("\n", "\r"),
    "\ufeff" + PLAIN.replace("\n", "\r\n"),
]
models = pytest.mark.parametrize("model", ["words", "letters"])
texts = pytest.mark.parametrize("text", SENT, ids=["mark", "crlf", "cr", "mark and crlf"])


def ask(client: httpx.Client, model: str, route: str, **body: object) -> dict:
    answer = client.post(f"/v1/models/{model}/{route}", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


@models
@texts
def test_raw_text_has_one_probability(client: httpx.Client, model: str, text: str) -> None:
    wanted = ask(client, model, "probability", text=PLAIN, context=PLAIN, tokens=True)
    assert ask(client, model, "probability", text=text, context=text, tokens=True) == wanted
    assert ask(client, model, "probability", text=[text], context=PLAIN, tokens=True) == wanted


@models
@texts
def test_raw_text_has_one_perplexity(client: httpx.Client, model: str, text: str) -> None:
    wanted = ask(client, model, "perplexity", text=PLAIN)
    assert ask(client, model, "perplexity", text=text) == wanted
    upload = client.post(
        f"/v1/models/{model}/perplexity", content=text.encode(), headers={"content-type": "text/plain"}
    )
    assert upload.json() == wanted
    probability = ask(client, model, "probability", text=PLAIN, eos=model == "letters")
    assert probability["total"]["logprob"] == pytest.approx(wanted["logprob"], rel=1e-5)


@models
@texts
def test_raw_text_has_one_continuation(client: httpx.Client, model: str, text: str) -> None:
    for route, field, options in (
        ("next", "context", {"top_k": 3}),
        ("generate", "prompt", {"seed": 1, "max_tokens": 5}),
        ("rescore", "context", {"hypotheses": [{"text": "the cat"}]}),
    ):
        assert ask(client, model, route, **{field: text}, **options) == ask(
            client, model, route, **{field: PLAIN}, **options
        ), route
