"""Every error in its one shape, over HTTP."""

import json

import httpx
import pytest

from app.core.exceptions import Overloaded, StoreUnavailable
from app.http.error_responses import STATUS_BY_EXCEPTION, to_api_error
from app.schemas.base import ErrorAnswer
from models.errors import CheckpointDamaged, InvalidText, NextwordError, TrainingFailed
from tests.helpers.serving import Server

NEXT = "/v1/models/words/next"


def refused(answer: httpx.Response, status: int, code: str) -> dict:
    assert answer.status_code == status, answer.text
    error = ErrorAnswer.model_validate(answer.json()).error
    assert error.code == code
    assert answer.headers["x-request-id"]
    return answer.json()["error"]


def test_error_of_unknown_routes_and_methods(client: httpx.Client) -> None:
    assert "GET /v2/models" in refused(client.get("/v2/models"), 404, "route_not_found")["message"]
    assert "GET" in refused(client.get(NEXT), 405, "method_not_allowed")["message"]
    assert client.get(NEXT).headers["allow"] == "POST"
    refused(client.post("/v1/models/nothing/next", json={}), 404, "model_not_found")


def test_error_of_a_method_names_those_of_all_routes_of_the_path(client: httpx.Client) -> None:
    for path, methods in {
        "/v1/models/words": "DELETE, GET",
        "/v1/aliases/production": "DELETE, GET, PUT",
        "/v1/files": "GET, POST",
        "/v1/jobs/estimate": "POST",  # which is no job
    }.items():
        answer = client.patch(path)
        refused(answer, 405, "method_not_allowed")
        assert answer.headers["allow"] == methods


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"{", "invalid_json"),
        (b'{"context": "a"', "invalid_json"),
        (b"", "invalid_input"),
        (b"null", "invalid_input"),
        (b"[]", "invalid_input"),
        (b'"text"', "invalid_input"),
        (b'{"context": "\xff"}', "invalid_json"),
        (b'{"context": "\\ud800"}', "invalid_input"),
        (b'{"top_k": 1e400}', "invalid_input"),
        (b'{"top_k": NaN}', "invalid_input"),
        (b"[" * 100_000, "invalid_json"),
    ],
)
@pytest.mark.parametrize("route", ["next", "perplexity"])
def test_error_of_bodies_that_are_no_request(client: httpx.Client, content: bytes, code: str, route: str) -> None:
    answer = client.post(f"/v1/models/words/{route}", content=content, headers={"content-type": "application/json"})
    assert answer.status_code == 400, answer.text
    found = ErrorAnswer.model_validate(answer.json()).error.code
    # Where the route reads the body itself, its parser finds more of this before any field is looked at.
    assert found == code or (route == "perplexity" and found == "invalid_json")


@pytest.mark.parametrize("route", ["next", "probability", "perplexity", "rescore", "generate"])
@pytest.mark.parametrize("kind", ["application/xml", "application/x-www-form-urlencoded", None])
def test_error_of_a_body_of_another_media_type(client: httpx.Client, route: str, kind: str | None) -> None:
    headers = {} if kind is None else {"content-type": kind}
    answer = client.post(f"/v1/models/words/{route}", content=b'{"text": "a"}', headers=headers)
    assert "application/json" in refused(answer, 415, "unsupported_media_type")["message"]


def test_error_names_every_bad_field(client: httpx.Client) -> None:
    error = refused(client.post(NEXT, json={"top_k": -1, "colour": 1}), 400, "invalid_input")
    assert error["param"] == "top_k"
    assert "top_k: must be 0 or more" in error["message"]
    assert "colour: no such field" in error["message"]


def test_request_id_is_new_or_the_clients(client: httpx.Client) -> None:
    first, second = (client.get("/health/live").headers["x-request-id"] for _ in range(2))
    assert first != second
    for sane in ("abc-123", "A.b_c:d", "x" * 128):
        assert client.get("/health/live", headers={"x-request-id": sane}).headers["x-request-id"] == sane
        assert client.get("/nowhere", headers={"x-request-id": sane}).headers["x-request-id"] == sane
    for other in ("", "two words", "x" * 129, "é"):
        found = client.get("/health/live", headers={"x-request-id": other.encode()}).headers["x-request-id"]
        assert len(found) == 32


class Broken(Exception):
    pass


def _break(*_: object, **__: object) -> None:
    raise Broken("secret detail")


@pytest.fixture(params=["words", "lstm"])
def broken(server: Server, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """A model that fails whenever it is asked."""
    model = server.app.state.registry.get(request.param).checkpoint.model
    for method in ("logprobs", "sample", "step", "topk", "score"):
        monkeypatch.setattr(model, method, _break)
    return request.param


@pytest.mark.parametrize(
    ("route", "body"),
    [
        ("next", {"context": "a"}),
        ("next", {"context": "a", "top_k": 0, "entropy": True}),
        ("probability", {"text": "a " * 3000}),
        ("perplexity", {"text": "a " * 3000}),
        ("rescore", {"hypotheses": [{"text": "a"}]}),
        ("generate", {}),
    ],
)
def test_error_of_a_model_fails_its_own_request_only(
    client: httpx.Client, broken: str, caplog: pytest.LogCaptureFixture, route: str, body: dict
) -> None:
    answer = client.post(f"/v1/models/{broken}/{route}", json=body, headers={"x-request-id": "find-me"})
    error = refused(answer, 500, "model_failed")
    assert "secret" not in json.dumps(error)
    assert "Traceback" not in answer.text
    assert answer.headers["x-request-id"] == "find-me"
    logged = [record for record in caplog.records if "find-me" in record.getMessage()]
    assert logged
    assert isinstance(logged[0].exc_info[1], Broken)
    other = "gru" if broken == "lstm" else "counts"
    assert client.post(f"/v1/models/{other}/generate", json={}).status_code == 200


def test_error_ends_a_stream_that_has_begun(client: httpx.Client, broken: str) -> None:
    answer = client.post(f"/v1/models/{broken}/generate", json={"stream": True})
    events = [line.removeprefix("data: ") for line in answer.text.splitlines() if line]
    assert json.loads(events[-1])["error"]["code"] == "model_failed"
    assert "[DONE]" not in answer.text
    headers = {"content-type": "application/x-ndjson"}
    answer = client.post(f"/v1/models/{broken}/perplexity", content=b'{"text": "a"}', headers=headers)
    assert json.loads(answer.text.splitlines()[-1])["error"]["code"] == "model_failed"


def test_error_of_a_model_leaves_it_serving(client: httpx.Client) -> None:
    for model in ("words", "lstm"):
        assert client.post(f"/v1/models/{model}/generate", json={}).status_code == 200


def test_error_table_covers_what_is_raised_on_purpose() -> None:
    assert (to_api_error(InvalidText("text.0", "must be text")).status, to_api_error(InvalidText("t", "")).param) == (
        400,
        "t",
    )
    assert to_api_error(CheckpointDamaged("x")).status == 503
    assert to_api_error(Overloaded("busy", 7)).response().headers["retry-after"] == "7"
    assert to_api_error(TrainingFailed("x")).status == 500
    assert "bucket" not in to_api_error(StoreUnavailable("s3://bucket: .files/ab: no answer")).message
    assert to_api_error(ValueError("x")).message == to_api_error(NextwordError("x")).message
    assert all(100 <= status < 600 for status, _, _ in STATUS_BY_EXCEPTION.values())
