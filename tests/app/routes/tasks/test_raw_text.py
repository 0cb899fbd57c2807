"""Raw text of tasks: other newlines change no answer, and places are those of the text as it was sent."""

from typing import Any

import httpx
import pytest

from models.tokenization.raw_text import clean

PLAIN = "the cat saw a bird .\nthe old dog ___ slept .\n"
SENT = [
    "\ufeff" + PLAIN,
    PLAIN.replace("\n", "\r\n"),
    PLAIN.replace("\n", "\r"),
    "\ufeff" + PLAIN.replace("\n", "\r\n"),
]
REQUESTS: list[tuple[str, str, str, dict[str, Any]]] = [
    ("classify", "sentiment", "text", {"explain": True}),
    ("classify", "topics", "text", {"explain": True}),
    ("tag", "animals", "text", {}),
    ("answer", "passages", "context", {"question": "\ufeffwho slept\r\n"}),
    ("answer", "stories", "context", {"question": "who slept\n"}),
    ("fill", "filler", "text", {"candidates": ["cat", "dog"]}),
    ("fill", "words", "text", {"candidates": ["cat", "dog"]}),
    ("pseudo_logprob", "filler", "text", {"tokens": True}),
]


def same(answer: object, wanted: object, sent: str) -> None:
    """Hold an answer about `sent` against one about the clean text; texts in it are as they were sent."""
    if isinstance(wanted, list):
        assert isinstance(answer, list)
        for one, other in zip(answer, wanted, strict=True):
            same(one, other, sent)
    elif isinstance(wanted, dict):
        assert isinstance(answer, dict)
        assert answer.keys() == wanted.keys()
        if wanted.get("begin") is not None:
            assert clean(sent[answer["begin"] : answer["end"]]) == PLAIN[wanted["begin"] : wanted["end"]]
        for name in wanted.keys() - {"begin", "end"}:
            same(answer[name], wanted[name], sent)
    elif isinstance(wanted, float):
        assert answer == pytest.approx(wanted, rel=1e-5, abs=1e-7)
    else:
        assert (clean(answer) if isinstance(answer, str) else answer) == wanted


@pytest.mark.parametrize(("route", "model", "field", "options"), REQUESTS, ids=lambda value: str(value)[:12])
@pytest.mark.parametrize("sent", SENT, ids=["mark", "crlf", "cr", "mark and crlf"])
def test_raw_text_is_answered_at_the_places_of_the_text_sent(
    tasks: httpx.Client, route: str, model: str, field: str, options: dict[str, Any], sent: str
) -> None:
    answers = [tasks.post(f"/v1/models/{model}/{route}", json={field: text, **options}) for text in (sent, PLAIN)]
    for answer in answers:
        assert answer.status_code == 200, answer.text
    same(answers[0].json(), answers[1].json(), sent)


@pytest.mark.parametrize("sent", SENT, ids=["mark", "crlf", "cr", "mark and crlf"])
def test_raw_text_is_embedded_at_the_places_of_the_text_sent(tasks: httpx.Client, sent: str) -> None:
    answers = [
        tasks.post("/v1/embeddings", json={"model": "lstm", "input": text, "per_token": True}) for text in (sent, PLAIN)
    ]
    same(answers[0].json(), answers[1].json(), sent)
