"""Raw text over HTTP: a byte order mark and other newlines change no figure, at any door."""

import gzip

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


@models
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32-be", "latin-1", "cp1252"])
def test_raw_text_may_be_in_any_encoding(client: httpx.Client, model: str, encoding: str) -> None:
    text = PLAIN.replace("cat", "caf\u00e9")
    wanted = ask(client, model, "perplexity", text=text)
    url, content = f"/v1/models/{model}/perplexity", text.encode(encoding)
    plain = {"content-type": "text/plain"}
    by_query = client.post(url, content=content, headers=plain, params={"encoding": encoding})
    by_charset = client.post(url, content=content, headers={"content-type": f"text/plain; charset={encoding}"})
    assert by_query.json() == by_charset.json() == wanted
    marked = client.post(url, content=text.encode("utf-16"), headers=plain)
    assert marked.json() == wanted


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"le caf\xe9 est ferm\xe9\n", "byte 6 (from 0) is not; it looks like Latin-1"),
        (
            gzip.compress(PLAIN.encode(), mtime=0),
            "byte 1 (from 0) is not; it looks like gzip data: decompress it first",
        ),
        (
            PLAIN.encode("utf-16-le"),
            'it looks like UTF-16 without a byte order mark: say so with `encoding` "utf-16-le"',
        ),
    ],
)
def test_raw_text_that_is_something_else_is_named(client: httpx.Client, content: bytes, message: str) -> None:
    answer = client.post("/v1/models/words/perplexity", content=content, headers={"content-type": "text/plain"})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (400, "invalid_text", "text")
    assert message in error["message"]
    unknown = client.post(
        "/v1/models/words/perplexity",
        content=b"a",
        headers={"content-type": "text/plain"},
        params={"encoding": "utf-99"},
    )
    assert unknown.json()["error"]["param"] == "encoding"
