"""Lists with bad texts, at every route that takes lists: the others keep their results."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.schemas.base import ErrorDetail
from app.schemas.counts import CountsAnswer
from app.schemas.next import NextBatch
from app.schemas.perplexity import PerplexityAnswer
from app.schemas.probability import ProbabilityAnswer
from app.schemas.tasks.answer import AnswerAnswer
from app.schemas.tasks.classify import ClassifyAnswer
from app.schemas.tasks.embeddings import EmbeddingsAnswer
from app.schemas.tasks.fill import FillAnswer, PseudoLogprobAnswer
from app.schemas.tasks.tag import TagAnswer
from app.schemas.trades.rescore import RescoreAnswer
from models.tasks.classification.occlusion import MAX_WORDS

JSON = {"content-type": "application/json"}


class Route(NamedTuple):
    """A route that takes a list, and how one text is asked there."""

    path: str
    field: str
    """The field that holds the list."""
    answer: Any
    """Schema of the answer."""
    rest: dict[str, Any] | None = None
    """The other fields of the request."""
    results: str = "results"

    def ask(self, client: httpx.Client, items: str) -> httpx.Response:
        """Send `items`, JSON as it stands."""
        head = json.dumps(self.rest or {})[1:-1]
        body = f'{{"{self.field}": {items}{", " if head else ""}{head}}}'
        return client.post(self.path, content=body, headers=JSON)


def model(name: str, route: str) -> str:
    return f"/v1/models/{name}/{route}"


ROUTES = {
    "next": Route(model("words", "next"), "context", NextBatch),
    "next lstm": Route(model("lstm", "next"), "context", NextBatch, {"top_k": 3}),
    "probability": Route(model("words", "probability"), "text", ProbabilityAnswer, {"tokens": True}),
    "probability lstm": Route(model("lstm", "probability"), "text", ProbabilityAnswer),
    "perplexity": Route(model("words", "perplexity"), "text", PerplexityAnswer),
    "counts": Route(model("counted", "counts"), "text", CountsAnswer),
    "classify": Route(model("sentiment", "classify"), "text", ClassifyAnswer),
    "explain": Route(model("sentiment", "classify"), "text", ClassifyAnswer, {"explain": True}),
    "tag": Route(model("animals", "tag"), "text", TagAnswer),
    "fill": Route(model("filler", "fill"), "text", FillAnswer, {"top_k": 2}),
    "fill words": Route(model("words", "fill"), "text", FillAnswer, {"top_k": 2}),
    "pseudo_logprob": Route(model("filler", "pseudo_logprob"), "text", PseudoLogprobAnswer),
    "answer": Route(model("stories", "answer"), "question", AnswerAnswer, {"context": "the old dog saw a bird ."}),
    "embeddings": Route("/v1/embeddings", "input", EmbeddingsAnswer, {"model": "sentiment"}, "data"),
}
GOOD = ["the old ___ saw a bird .", "the dog ___", "a cat liked ___ bird"]
TROUBLE = [
    "",
    " ",
    "the dog",
    "a " * 9000,
    "a " * (MAX_WORDS + 1),
    "___ " * 9,
    None,
    3,
    1e300,
    True,
    {"text": "a"},
    ["a"],
    "\ud800",
    "\x00",
    "\ufeff",
]
RAW = ["1e999", "-" + "7" * 5000, "0." + "7" * 5000, "[" * 500 + "]" * 500, '[{"a":' * 9999 + "1" + "}]" * 9999]
"""JSON as it stands: numbers beyond floats, and more nesting than parsers take."""
ITEMS = st.one_of(
    st.sampled_from([json.dumps(item) for item in GOOD + TROUBLE] + RAW),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=6,
    ).map(json.dumps),
)


@pytest.fixture(scope="module")
def alone(tasks: httpx.Client) -> Callable[[str, str], Any]:
    """Return a function that asks a route about one text by itself: its result, None where it is refused."""
    known: dict[tuple[str, str], Any] = {}

    def ask(name: str, item: str) -> Any:
        if (name, item) not in known:
            route = ROUTES[name]
            response = route.ask(tasks, item)
            assert response.status_code in (200, 400), response.text
            # A list as an item would be a list of items, if it stood alone.
            accepted = response.status_code == 200 and item.startswith('"')
            content = response.json()
            known[name, item] = (content.get(route.results) or [content])[0] if accepted else None
        return known[name, item]

    return ask


def check(route: Route, response: httpx.Response, expected: Sequence[Any]) -> None:
    """Compare the results of a list with those of each text alone, None for one that is refused."""
    assert response.status_code == 200, response.text
    content = response.json()
    route.answer.model_validate(content)
    assert len(content[route.results]) == len(expected)
    for i, (result, own) in enumerate(zip(content[route.results], expected, strict=True)):
        if own is None:
            assert ErrorDetail.model_validate(result["error"]).param.split(".")[:2] == [route.field, str(i)]
        else:
            assert close(result, {**own, "index": i} if "index" in own else own), (result, own)


def close(left: Any, right: Any) -> bool:
    """Whether two results are the same, their numbers to 1e-5."""
    if isinstance(left, dict):
        return all(close(left[name], right[name]) for name in left if name not in ("model", "results"))
    if isinstance(left, list):
        return len(left) == len(right) and all(map(close, left, right))
    return left == right or (isinstance(left, float) and left == pytest.approx(right, rel=1e-5, abs=1e-5))


@pytest.mark.parametrize("name", ROUTES)
def test_item_errors_cost_the_others_nothing_whatever_the_item_holds(
    tasks: httpx.Client, alone: Callable[[str, str], Any], name: str
) -> None:
    @settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(ITEMS, min_size=1, max_size=7))
    def run(items: list[str]) -> None:
        if name == "embeddings" and all(item[0] in "0123456789-[tf" for item in items):
            items = [*items, json.dumps(GOOD[0])]  # nothing but token ids is a fault of the request
        check(ROUTES[name], ROUTES[name].ask(tasks, f"[{', '.join(items)}]"), [alone(name, item) for item in items])

    run()


@pytest.mark.parametrize("name", ROUTES)
def test_item_errors_of_every_trouble_at_once(tasks: httpx.Client, alone: Callable[[str, str], Any], name: str) -> None:
    items = [json.dumps(item) for pair in zip(TROUBLE, GOOD * 5, strict=True) for item in pair] + RAW
    expected = [alone(name, item) for item in items]
    assert sum(own is not None for own in expected) >= len(TROUBLE)
    check(ROUTES[name], ROUTES[name].ask(tasks, f"[{', '.join(items)}]"), expected)


@pytest.mark.parametrize(
    ("name", "items", "params"),
    [
        ("next", ["a", None], [None, "context.1"]),
        ("counts", ["books", ""], [None, "text.1"]),
        ("classify", ["a", None, "a " * 9000], [None, "text.1", "text.2"]),
        ("explain", ["a", "b", "a " * (MAX_WORDS + 1)], [None, None, "text.2"]),
        ("tag", ["a", "a " * 9000], [None, "text.1"]),
        ("fill", ["a ___", "no blank"], [None, "text.1"]),
        ("fill words", ["no blank", "a ___", "no blank"], ["text.0", None, "text.2"]),
        ("answer", ["a", " ", "a " * 600], [None, "question.1", "question.2"]),
        ("embeddings", ["a", "a " * 9000, 5], [None, "input.1", "input.2"]),
        ("probability", ["\ud800"], ["text.0"]),
        ("perplexity", ["", "a", "\ud800"], ["text.0", None, "text.2"]),
    ],
)
def test_item_errors_name_the_item(tasks: httpx.Client, name: str, items: list[Any], params: list[Any]) -> None:
    route = ROUTES[name]
    content = route.ask(tasks, json.dumps(items)).json()
    assert [result.get("error", {}).get("param") for result in content[route.results]] == params


def test_item_errors_of_contexts_and_questions_name_the_one_at_fault(tasks: httpx.Client) -> None:
    def ask(**body: Any) -> httpx.Response:
        return tasks.post("/v1/models/stories/answer", json=body)

    results = ask(question="a", context=["a", "b", " "]).json()["results"]
    assert [result.get("error", {}).get("param") for result in results] == [None, None, "context.2"]
    results = ask(question=["a", 1, "b"], context=[2, "a", "b"]).json()["results"]
    assert [result.get("error", {}).get("param") for result in results] == ["context.0", "question.1", None]
    # One text for all of them is the request's own.
    assert ask(question=["a", "b"], context=" ").json()["error"]["param"] == "context"


@pytest.mark.parametrize("kind", ["words", "lstm"])
def test_item_errors_are_left_out_of_totals_and_counted(tasks: httpx.Client, kind: str) -> None:
    for route in ("probability", "perplexity"):
        some = tasks.post(model(kind, route), json={"text": ["the dog", None, "a cat"]}).json()
        good = tasks.post(model(kind, route), json={"text": ["the dog", "a cat"]}).json()
        total, expected = some.get("total", some), good.get("total", good)
        assert total["error_count"] == 1
        assert {**total, "results": None} == {**expected, "results": None, "error_count": 1}
        none = tasks.post(model(kind, route), json={"text": [None, 5]}).json()
        assert none.get("total", none)["token_count"] == 0
        assert none.get("total", none)["error_count"] == 2
        assert none.get("perplexity") is None


def test_item_errors_of_hypotheses_are_ranked_last(tasks: httpx.Client) -> None:
    hypotheses = [
        {"text": "a dog", "score": "b"},
        {"text": "the old dog"},
        {"text": "a", "score": 1e300},
        {"text": "a", "am_score": 1},
        "a dog",
        {"score": 1},
        {"text": "a bird", "score": 2},
    ]
    content = tasks.post(model("words", "rescore"), json={"hypotheses": hypotheses}).json()
    RescoreAnswer.model_validate(content)
    assert {result["index"] for result in content["results"][:2]} == {1, 6}
    assert [(result["index"], result["error"]["param"]) for result in content["results"][2:]] == [
        (0, "hypotheses.0.score"),
        (2, "hypotheses.2.score"),
        (3, "hypotheses.3.am_score"),
        (4, "hypotheses.4"),
        (5, "hypotheses.5.text"),
    ]
    good = [hypotheses[1], hypotheses[6]]
    alone = tasks.post(model("words", "rescore"), json={"hypotheses": good}).json()
    assert [result["total"] for result in content["results"][:2]] == [result["total"] for result in alone["results"]]


@pytest.mark.parametrize("name", ["sentiment", "mirrored"])
def test_rescore_refuses_another_model_that_gives_texts_no_probability(tasks: httpx.Client, name: str) -> None:
    body = {"hypotheses": [{"text": "a dog"}], "models": [{"model": name, "weight": 1}]}
    answer = tasks.post(model("words", "rescore"), json=body).json()["error"]
    assert (answer["code"], answer["param"]) == ("unsupported_by_model", "models.0.model")
