"""Parsers of requests: JSON bodies, records of streams, forms, headers."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

from pydantic import BaseModel, ValidationError
from starlette.datastructures import Headers

from app.core.plain_messages import explain, locate
from app.http.json_body import validate_json
from app.http.multipart_upload import MultipartUpload
from app.http.records import own_fields, parse_record, record_text
from app.http.request_body import LineSplitter, charset, media_type
from app.schemas.generate import GenerateRequest
from app.schemas.jobs.requests import parse_job_request
from app.schemas.next import NextRequest
from app.schemas.openai.completion_request import CompletionRequest
from app.schemas.trades.rescore import RescoreRequest
from models.checkpoint.model_name import parse_model
from models.errors import NextwordError
from tests.parsers.parser import Parser, given, require

_BODIES: list[tuple[str, type[BaseModel], bytes]] = [
    ("next", NextRequest, b'{"context": ["the cat", "a"], "top_k": 3, "prefix": "s", "explain": false}'),
    ("generate", GenerateRequest, b'{"prompt": "the", "max_tokens": 3, "temperature": 0.5, "stop": ["a"], "seed": 1}'),
    ("completion", CompletionRequest, b'{"model": "words", "prompt": [[1, 2]], "logprobs": 2, "logit_bias": {"1": 2}}'),
    (
        *("rescore", RescoreRequest),
        b'{"lists": [{"hypotheses": [{"text": "a", "score": -1}], "context": "b"}], "lm_weight": 0.5}',
    ),
]
_JOBS = [
    b'{"kind": "ngram", "name": "a", "training_file": "file-1", "config": {"order": 3, "prune": [0, 1]}}',
    b'{"kind": "lstm", "name": "a", "training_file": "file-1", "config": {"layers": 1}, "tokenizer": {"kind": "bpe"}}',
    b'{"kind": "classifier", "name": "a", "training_file": "file-1", "encoder": {"cell": "gru"}, "format": {}}',
    b'{"kind": "mixture", "name": "a", "members": ["b@1", "c@2"], "config": {"weights": [0.5, 0.5]}}',
    b'{"kind": "evaluate", "model": "a@1", "validation_file": "file-1", "dynamic": {"learning_rate": 0.1}}',
    b'{"kind": "import", "name": "a", "file": "file-1", "tokenizer": {"normalize": ["nfc"]}}',
    b'{"kind": "tune", "model": "a", "validation_file": "file-1"}',
]


def _read_body(kind: type[BaseModel], path: Path) -> None:
    try:
        validate_json(kind, path.read_bytes())
    except ValidationError as error:
        _tell(error)
        raise


def _read_job(path: Path) -> None:
    """Parse a job as the route does, and build its recipe."""
    try:
        data = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return  # the route's own parser refuses it
    try:
        request = parse_job_request(data)
    except ValidationError as error:
        _tell(error)
        raise
    json.dumps(request.model_dump(mode="json"))
    file = path.with_name("training.csv")
    recipe = getattr(request, "recipe", None)
    if recipe is not None and request.kind in ("import", "ngram", "rnn", "lstm", "gru"):
        recipe(file) if request.kind == "import" else recipe([file], None)


def _tell(error: ValidationError) -> None:
    """Say what is wrong, as answers do."""
    for fault in error.errors(include_url=False)[:20]:
        require(locate(fault["loc"]) is not None and explain(fault), "a fault without words")


def _record_samples(_: Path) -> list[bytes]:
    line = b'{"id": 1, "text": "the cat", "error": "none", "more": {"a": [1, 2.5]}}'
    return [b"\n".join([line] * 3), line + b"\r\n\n" + line]


def _read_records(path: Path) -> None:
    splitter, data = LineSplitter(5000), path.read_bytes()
    lines = [line for begin in range(0, len(data), 700) for line in splitter.feed(data[begin : begin + 700])]
    for line in [*lines, *splitter.finish()]:
        try:
            record = parse_record(line)
            json.dumps(own_fields(record, {"error", "record"}, keep_text=True)).encode()
            record_text(line, record)
        except NextwordError as error:
            str(error).encode()


_FORM = (
    b'--b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\ntraining\r\n'
    b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\nContent-Type: text/plain\r\n\r\n'
    b"the cat\r\n--b--\r\n"
)
_EXTENDED = _FORM.replace(b'filename="a.txt"', b"filename*=UTF-8''caf%C3%A9.txt")


def _read_form(path: Path) -> None:
    data = path.read_bytes()
    for size in (len(data) + 1, 3):
        form = MultipartUpload("multipart/form-data; boundary=b", frozenset({"purpose", "encoding"}))
        content = b"".join(form.feed(data[begin : begin + size]) for begin in range(0, len(data), size))
        form.finish()
        require(len(content) <= len(data) and isinstance(form.filename, str), "more comes out than went in")


_TYPES = [b'text/plain; charset="latin-1"', b"multipart/form-data; boundary=abc; a*0=b; a*1=c", b"application/json"]


def _read_type(path: Path) -> None:
    headers = Headers(raw=[(b"content-type", path.read_bytes())])
    media_type(headers).encode()
    charset(headers)
    MultipartUpload(headers["content-type"], frozenset())


def _read_name(path: Path) -> None:
    parse_model(path.read_bytes().decode("latin-1"))


_BODY_REFUSALS = (NextwordError, ValidationError)
PARSERS = [
    *(
        Parser(
            f"body of {name}",
            "app.http.json_body",
            "request",
            "json",
            given([sample]),
            partial(_read_body, kind),
            refusals=_BODY_REFUSALS,
        )
        for name, kind, sample in _BODIES
    ),
    Parser(
        "body of a job",
        "app.schemas.jobs",
        "request",
        "json",
        given(_JOBS),
        _read_job,
        refusals=_BODY_REFUSALS,
    ),
    Parser("records", "app.http.records", "request", "json", _record_samples, _read_records),
    Parser("form", "app.http.multipart_upload", "request", "lines", given([_FORM, _EXTENDED]), _read_form),
    Parser("content type", "app.http.request_body", "request", "lines", given(_TYPES), _read_type),
    Parser("model's name", "models.checkpoint.model_name", "request", "bytes", given([b"words@12"]), _read_name),
]
