"""Perplexity over HTTP, from JSON, plain text and records, equals the evaluator's."""

import json
import math
import socket
import time
from collections.abc import Iterator

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.schemas.base import ErrorDetail
from app.schemas.perplexity import RESERVED_FIELDS, PerplexityAnswer
from models.checkpoint.load import Checkpoint
from models.evaluation.evaluator import evaluate
from models.evaluation.metrics import Evaluation
from models.utils.progress import run_to_completion
from tests.helpers.serving import TEXT, serving

SAMPLE = "the cat saw a bird .\n\nmy friend liked a zebra\nthe old dog slept ."
BIG = TEXT * 40
JSON = {"content-type": "application/json"}


def ask(client: httpx.Client, model: str, text: str | list[str], **body: object) -> dict:
    answer = client.post(f"/v1/models/{model}/perplexity", json={"text": text, **body})
    assert answer.status_code == 200, answer.text
    PerplexityAnswer.model_validate(answer.json())
    return answer.json()


def upload(
    client: httpx.Client, model: str, content: object, kind: str = "text/plain", **params: object
) -> httpx.Response:
    return client.post(f"/v1/models/{model}/perplexity", content=content, params=params, headers={"content-type": kind})


def expected(checkpoint: Checkpoint, text: str, unit: str, empty_lines: str = "keep") -> Evaluation:
    return run_to_completion(evaluate(checkpoint.model, checkpoint.tokenizer, [text], unit, empty_lines))


def same(figures: dict, evaluation: Evaluation) -> None:
    for name in ("perplexity", "perplexity_without_oov", "bits_per_character"):
        value = getattr(evaluation, name)
        assert figures[name] == (None if value is None else pytest.approx(value, rel=1e-5)), name
    for name in ("token_count", "oov_count", "characters", "unit", "empty_lines"):
        assert figures[name] == getattr(evaluation, name), name
    assert figures.get("zero_probability", False) == evaluation.zero_probability


@pytest.mark.parametrize("model", ["words", "counts", "lstm", "gru"])
@pytest.mark.parametrize("unit", ["lines", "document"])
@pytest.mark.parametrize("empty_lines", ["keep", "drop"])
def test_perplexity_of_a_text_equals_the_library(
    client: httpx.Client, local: dict[str, Checkpoint], model: str, unit: str, empty_lines: str
) -> None:
    evaluation = expected(local[model], SAMPLE, unit, empty_lines)
    same(ask(client, model, SAMPLE, unit=unit, empty_lines=empty_lines), evaluation)
    uploaded = upload(client, model, SAMPLE.encode(), unit=unit, empty_lines=empty_lines)
    same(uploaded.json(), evaluation)


def test_perplexity_unit_defaults_to_the_tokenizers(client: httpx.Client, local: dict[str, Checkpoint]) -> None:
    same(ask(client, "words", SAMPLE), expected(local["words"], SAMPLE, "lines"))
    same(ask(client, "letters", SAMPLE), expected(local["letters"], SAMPLE, "document"))
    answer = client.post("/v1/models/letters/perplexity", json={"text": SAMPLE, "unit": "lines"})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "unit")
    for kind in ("text/plain", "application/x-ndjson"):
        answer = upload(client, "letters", b"a", kind, unit="lines")
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, "unit")


@pytest.mark.parametrize("model", ["words", "lstm"])
def test_perplexity_of_several_texts_is_each_and_all(
    client: httpx.Client, local: dict[str, Checkpoint], model: str
) -> None:
    texts = ["the cat saw a bird .\na bird", "zebra", "the old dog"]
    figures = ask(client, model, texts, unit="document")
    alone = [expected(local[model], text, "document") for text in texts]
    for result, evaluation in zip(figures["results"], alone, strict=True):
        same(result, evaluation)
    assert figures["logprob"] == pytest.approx(sum(evaluation.logprob for evaluation in alone), rel=1e-5)
    assert figures["token_count"] == sum(evaluation.token_count for evaluation in alone)


@pytest.mark.parametrize("model", ["words", "lstm", "letters"])
@pytest.mark.parametrize(("bos", "eos"), [(True, False), (False, True), (False, False)])
def test_perplexity_may_leave_out_begin_and_end(
    client: httpx.Client, local: dict[str, Checkpoint], model: str, bos: bool, eos: bool
) -> None:
    checkpoint, ends = local[model], {"bos": bos, "eos": eos}
    evaluation = run_to_completion(evaluate(checkpoint.model, checkpoint.tokenizer, ["the cat"], "document", **ends))
    in_full = expected(checkpoint, "the cat", "document")
    assert evaluation.token_count == in_full.token_count - (not eos)
    assert evaluation.logprob != in_full.logprob
    answers = [
        ask(client, model, "the cat", unit="document", **ends),
        upload(client, model, b"the cat", unit="document", **ends).json(),
        json.loads(upload(client, model, b'{"text": "the cat"}', "application/x-ndjson", unit="document", **ends).text),
    ]
    for answer in answers:
        same(answer, evaluation)
        assert (answer["bos"], answer["eos"]) == (bos, eos)


def test_perplexity_of_nothing_but_an_end_is_refused_without_it(client: httpx.Client) -> None:
    assert ask(client, "words", "\n")["token_count"] == 1
    answer = client.post("/v1/models/words/perplexity", json={"text": "\n", "eos": False})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_text")
    assert "something to score" in answer.json()["error"]["message"]


def test_perplexity_charges_unknown_words_for_their_spelling(
    client: httpx.Client, local: dict[str, Checkpoint]
) -> None:
    known, odd, longer = (ask(client, "words", text) for text in ("the cat .", "the zzq .", "the zzqzzqzzq ."))
    assert known["open_vocabulary_perplexity"] == known["perplexity"]
    assert odd["perplexity"] == longer["perplexity"]
    assert odd["open_vocabulary_perplexity"] < longer["open_vocabulary_perplexity"]
    spelling = float(local["words"].tokenizer.speller.logprobs(["zzq"])[0])
    assert odd["bits_per_byte"] == pytest.approx(-(odd["logprob"] + spelling) / math.log(2) / len("the zzq .\n"))


def in_pieces(data: bytes, size: int) -> Iterator[bytes]:
    for begin in range(0, len(data), size):
        yield data[begin : begin + size]


def slowly(data: bytes, size: int) -> Iterator[bytes]:
    """The first piece, and the others well after it."""
    first, *others = in_pieces(data, size)
    yield first
    time.sleep(0.3)
    yield from others


@pytest.mark.parametrize("model", ["words", "letters"])
def test_perplexity_of_a_large_text_is_chunked(client: httpx.Client, local: dict[str, Checkpoint], model: str) -> None:
    assert len(BIG) > 400_000
    evaluation = expected(local[model], BIG, "document")
    same(upload(client, model, BIG.encode(), unit="document").json(), evaluation)
    same(upload(client, model, in_pieces(BIG.encode(), 7777), unit="document").json(), evaluation)


def test_perplexity_refuses_bytes_that_are_not_text(client: httpx.Client) -> None:
    answer = upload(client, "words", b"the cat \xff saw")
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "invalid_text"
    assert "byte 8" in answer.json()["error"]["message"]
    assert upload(client, "words", b"").json()["error"]["code"] == "invalid_text"
    answer = client.post("/v1/models/words/perplexity", json={"text": ["a", "", "b"]})
    assert [result.get("error", {}).get("param") for result in answer.json()["results"]] == [None, "text.1", None]


@pytest.mark.parametrize("params", [{"unit": "words"}, {"empty_lines": "x"}, {"keep_text": 1}, {"page": 1}])
def test_perplexity_names_a_bad_parameter(client: httpx.Client, params: dict[str, object]) -> None:
    answer = upload(client, "words", b"the cat", **params)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, next(iter(params)))


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "text"),
        ({"text": 1}, "text"),
        ({"text": "a", "unit": "words"}, "unit"),
        ({"text": "a", "units": "lines"}, "units"),
    ],
)
def test_perplexity_refuses_bad_bodies(client: httpx.Client, body: dict[str, object], param: str) -> None:
    answer = client.post("/v1/models/words/perplexity", json=body)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)


def test_perplexity_of_json_takes_settings_from_the_body(client: httpx.Client) -> None:
    answer = client.post("/v1/models/words/perplexity?unit=lines", json={"text": "a"})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "unit")
    answer = client.post("/v1/models/words/perplexity?eos=false", json={"text": "a"})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "eos")


# --- records


def results(answer: httpx.Response) -> list[dict]:
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    return [json.loads(line) for line in answer.text.splitlines()]


def test_perplexity_of_records_keeps_order_and_fields(client: httpx.Client, local: dict[str, Checkpoint]) -> None:
    texts = TEXT.splitlines()[:50]
    lines = [json.dumps({"id": i, "tags": ["é", None], "text": text}) for i, text in enumerate(texts)]
    figures = results(upload(client, "words", "\n".join(lines).encode(), "application/x-ndjson"))
    assert [result["id"] for result in figures] == list(range(50))
    for text, result in zip(texts, figures, strict=True):
        same(result, expected(local["words"], text, "lines"))
        assert result["tags"] == ["é", None]
        assert "text" not in result
    with_text = results(upload(client, "words", lines[0].encode(), "application/x-ndjson", keep_text=True))
    assert with_text[0]["text"] == texts[0]


def test_perplexity_of_a_bad_record_does_not_stop_the_others(client: httpx.Client) -> None:
    lines = [
        b'{"id": 1, "text": "the cat"}',
        b"{not json",
        b"",
        b'{"id": 4}',
        b'{"id": 5, "text": 3}',
        b'["text"]',
        b'{"id": 7, "text": ""}',
        b'{"id": 8, "text": "\\ud800"}',
        b'{"id": 9, "x": NaN, "text": "a"}',
        b'{"id": 10, "text": "\xff"}',
        b'{"id": 11, "text": "' + b"a " * 600_000 + b'"}',
        b'{"id": 12, "text": "a bird"}',
    ]
    figures = results(upload(client, "words", b"\r\n".join(lines), "application/x-ndjson"))
    assert [result.get("line") for result in figures] == [None, 2, 4, 5, 6, 7, 8, 9, 10, 11, None]
    assert [result.get("id") for result in figures if "error" not in result] == [1, 12]
    assert all(result["error"]["message"] for result in figures if "error" in result)
    assert figures[5]["id"] == 7


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
FIELD_NAMES = st.sampled_from(["id", "error", "line", "record", "perplexity", "unit", "tags", "Text"])
TEXTS = st.sampled_from(["the cat saw a bird .", "a\nbird", "zebra", "", " ", "\ufeff", "\ud800", "\x00", "a\r\nb"])
LINES = st.one_of(
    st.builds(
        lambda fields, text: json.dumps({**fields, "text": text}).encode(),
        st.dictionaries(FIELD_NAMES, JSON_VALUES),
        TEXTS,
    ),
    JSON_VALUES.map(lambda value: json.dumps(value).encode()),
    st.builds(lambda value: json.dumps({"text": value}).encode(), JSON_VALUES),
    st.binary(max_size=20).filter(lambda data: not set(data) & set(b"\r\n")),
    st.sampled_from(
        [
            b'{"text": "a", "x": 1e999}',
            b'{"text": "a", "x": ' + b"7" * 5000 + b"}",
            b'{"text": "a", "x": NaN}',
            b'{"text": "a", "x": ' + b"[" * 9999 + b"]" * 9999 + b"}",
            b'{"text": "a"',
            b'{"text": "\xff"}',
            b"\xff\xfe{\x00}\x00",
            b"",
            b"  ",
        ]
    ),
)
"""Lines of records, good and bad, of any kind."""


def readable(line: bytes) -> dict | None:
    """The record of a line; None where it is none, or holds what JSON cannot repeat."""
    try:
        record = json.loads(line)
        json.dumps(record, allow_nan=False)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) and isinstance(record.get("text"), str) else None


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(lines=st.lists(LINES, max_size=12), end=st.sampled_from([b"\n", b"\r\n"]))
def test_perplexity_answers_each_record_once_whatever_the_others_hold(
    client: httpx.Client, lines: list[bytes], end: bytes
) -> None:
    answers = results(upload(client, "words", end.join(lines), "application/x-ndjson"))
    numbered = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    assert len(answers) == len(numbered)
    for (number, line), result in zip(numbered, answers, strict=True):
        record = readable(line)
        alone = None
        if record is not None:
            asked = client.post(
                "/v1/models/words/perplexity", content=json.dumps({"text": record["text"]}), headers=JSON
            )
            alone = asked.json() if asked.status_code == 200 else None
            own = {name: value for name, value in result.items() if name not in RESERVED_FIELDS} | result.get(
                "record", {}
            )
            assert own == {name: value for name, value in record.items() if name != "text"}
        if alone is None:
            assert result["line"] == number
            ErrorDetail.model_validate(result["error"])
        else:
            assert result.keys() & {"error", "line"} == set()
            figures = {name: value for name, value in result.items() if name in RESERVED_FIELDS - {"record"}}
            assert figures == {name: value for name, value in alone.items() if name != "model"}


def test_perplexity_of_a_record_keeps_its_own_error_apart(client: httpx.Client) -> None:
    lines = b'{"id": 1, "error": "typo", "text": "the cat"}\n{"id": 2, "error": "typo", "perplexity": 3, "text": 3}'
    good, bad = results(upload(client, "words", lines, "application/x-ndjson"))
    assert (good["id"], good["record"]) == (1, {"error": "typo"})
    assert "error" not in good
    assert (bad["id"], bad["line"], bad["record"]) == (2, 2, {"error": "typo", "perplexity": 3})
    assert bad["error"]["code"] == "invalid_input"


def test_perplexity_of_records_outlasts_an_unread_answer(client: httpx.Client) -> None:
    # httpx sends the whole body before it reads anything: the server must not wait for its reader.
    count, pad = 3000, b"x" * 8000
    content = b"".join(b'{"id":%d,"text":"the cat saw a bird .","pad":"%s"}\n' % (i, pad) for i in range(count))
    figures = upload(client, "words", content, "application/x-ndjson").content.splitlines()
    assert len(figures) == count
    assert json.loads(figures[-1])["id"] == count - 1


def test_perplexity_results_flow_while_records_arrive(server, client: httpx.Client) -> None:
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        connection.sendall(
            b"POST /v1/models/words/perplexity HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-ndjson\r\n"
            b"transfer-encoding: chunked\r\n\r\n"
        )
        received = b""
        for i in range(3):
            record = b'{"id": %d, "text": "the cat"}\n' % i
            connection.sendall(b"%x\r\n%s\r\n" % (len(record), record))
            while b'"id":%d' % i not in received:
                received += connection.recv(65536)
        connection.sendall(b"0\r\n\r\n")
        while not received.endswith(b"0\r\n\r\n"):
            received += connection.recv(65536)


def test_perplexity_refuses_a_large_body(checkpoints, client: httpx.Client) -> None:
    with (
        serving(checkpoints, max_upload_bytes=100_000, max_json_bytes=2000) as server,
        httpx.Client(base_url=server.url, timeout=60) as small,
    ):
        assert upload(small, "words", b"a " * 40_000).status_code == 200
        for content in (b"a " * 60_000, in_pieces(b"a " * 60_000, 10_000)):
            answer = upload(small, "words", content)
            assert (answer.status_code, answer.json()["error"]["code"]) == (413, "body_too_large")
            assert "100000" in answer.json()["error"]["message"]
        announced = upload(small, "words", b'{"text": "a"}\n' * 10_000, "application/x-ndjson")
        assert announced.status_code == 413
        # Without a length it is figures out too late for the status: the last line tells.
        cut = results(upload(small, "words", slowly(b'{"text": "a"}\n' * 10_000, 9000), "application/x-ndjson"))
        assert cut[-1]["error"]["code"] == "body_too_large"
        for path in ("next", "perplexity", "generate"):
            answer = small.post(f"/v1/models/words/{path}", json={"prompt": "a " * 2000})
            assert (answer.status_code, answer.json()["error"]["code"]) == (413, "body_too_large")
