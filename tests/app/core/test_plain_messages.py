"""Messages in plain words: every kind of error that pydantic has, and every field of every request."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, get_args

import httpx
import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import PydanticKnownError, core_schema

import app.main  # noqa: F401 - whose routes load every schema
from app.core.plain_messages import JSON_FAULTS, MESSAGES, OTHERWISE, explain, explain_json, locate
from app.schemas.base import QueryParameters, RequestBody
from app.schemas.jobs.requests import parse_job_request
from app.schemas.recipes import parse_config
from models.errors import InvalidInput
from models.inference.config import SamplingParams
from models.neural.config import RecurrentConfig
from models.neural.training.config import TrainingConfig
from models.ngram.config import NgramConfig
from models.recipes.recipe import COMPOSITE_CONFIGS
from models.recipes.task_kinds import TASK_KINDS
from models.tokenization.config import TokenizerConfig

FOREIGN_WORDS = re.compile(
    r"[Ii]nput (should|tag)|valid (integer|string|dictionary|list|boolean|number|tuple|dict)|dictionary|\btuple\b|"
    r"discriminator|instance|Field required|[Ee]xtra inputs|[Uu]nable to|\bNone\b|\bTrue\b|\bFalse\b|Traceback|"
    r"recursion|codec|Expecting|object at 0x|pydantic|\b(str|int|float|bool|dict)\b|Error\b|sys\.|validation error"
)
"""What people who know neither pydantic nor Python would not understand."""
TROUBLE: list[Any] = [
    *(None, True, 3, -1, 1.5, 1e300, float("inf"), float("nan"), 10**400, "x", "", "\ud800", "5", "x" * 5000),
    *([], [3], [None], [[1]], [{}], ["x"] * 3000, [1.5, "x"], {}, {"a": 1}, {"kind": "brnn"}, {3: 4}),
]


def subclasses(kind: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for child in kind.__subclasses__():
        yield child
        yield from subclasses(child)


SCHEMAS = sorted({*subclasses(RequestBody), *subclasses(QueryParameters)}, key=lambda kind: kind.__qualname__)
CONFIGS = [
    *(NgramConfig, RecurrentConfig, TrainingConfig, TokenizerConfig, SamplingParams, *COMPOSITE_CONFIGS.values()),
    *(kind.config for kind in TASK_KINDS.values()),
    *(kind.format for kind in TASK_KINDS.values() if kind.format),
]


def check(message: str) -> None:
    assert message
    assert not FOREIGN_WORDS.search(re.sub("'[^']*'", "", message)), message  # choices are quoted


@pytest.mark.parametrize("kind", get_args(core_schema.ErrorType))
def test_explain_has_no_word_of_pydantics_for_any_kind_of_error(kind: str) -> None:
    numbers = dict.fromkeys(("gt", "ge", "lt", "le", "multiple_of", "min_length", "max_length", "actual_length"), 2)
    context = numbers | {"expected": "'a'", "error": "a reason", "pattern": "x", "expected_tags": "'a'", "tag": "b"}
    check(explain({"type": kind, "ctx": context, "msg": "Input should be a valid tuple"}))


@pytest.mark.parametrize("tag", ["brnn", None, True, []])
def test_explain_names_the_kinds_there_are_and_repeats_none_in_pythons_words(tag: object) -> None:
    error = {"type": "union_tag_invalid", "ctx": {"expected_tags": "'rnn', 'lstm'", "tag": str(tag)}}
    assert explain(error) == "must be one of 'rnn', 'lstm'"


def test_explain_knows_only_kinds_that_pydantic_has() -> None:
    assert MESSAGES.keys() <= set(get_args(core_schema.ErrorType))
    for kind in MESSAGES.keys() & {"missing", "int_type", "extra_forbidden"}:
        assert PydanticKnownError(kind).message() != MESSAGES[kind]


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda schema: schema.__name__)
def test_explain_is_plain_for_every_field_of_every_request(schema: type[BaseModel]) -> None:
    for name in [*schema.model_fields, "colour"]:
        for value in TROUBLE:
            try:
                schema.model_validate({name: value})
            except ValidationError as error:
                for part in error.errors():
                    check(explain(part))
                    assert explain(part) != OTHERWISE, part
                    fields = [place for place in locate(part["loc"]).split(".") if not place.isdecimal()]
                    assert not any(re.search(r"[\[\]()]|function|constrained", place) for place in fields), part


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.__name__)
def test_explain_is_plain_for_every_field_of_every_configuration(config: type[Any]) -> None:
    for name in [*config.__dataclass_fields__, "colour"]:
        for value in TROUBLE:
            try:
                parse_config(config, {name: value}, "config.")
            except InvalidInput as error:
                if name not in ("encoding", "columns"):  # which repeat what was given
                    check(str(error))


@pytest.mark.parametrize(
    ("kind", "message"),
    [("brnn", "must be one of 'ngram', 'rnn'"), (3, "must be one of 'ngram', 'rnn'"), (..., "required")],
)
def test_explain_of_an_unknown_kind_of_job_lists_the_kinds(kind: object, message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        parse_job_request({} if kind is ... else {"kind": kind})
    assert explain(caught.value.errors()[0]).startswith(message)


def test_explain_shows_numbers_without_fractions_that_say_nothing() -> None:
    assert explain({"type": "less_than_equal", "ctx": {"le": 1e12}}) == "must be 1000000000000 or less"
    assert explain({"type": "greater_than", "ctx": {"gt": 0.25}}) == "must be above 0.25"


BROKEN = {
    b"": "it ends too early",
    b'{"a": [1': "it ends too early",
    b'{"a": "b': "it ends too early",
    b'{"a": 1}}': "something follows its end",
    b'{"a": "\xff"}': "it is not in UTF-8",
    b'{"a": "\n"}': "a control character in a string must be escaped",
    b'{"a": "\\x"}': "a backslash in a string escapes nothing",
    b'{"a": 1,}': "a comma is followed by nothing",
    b"[" * 100_000: "it is nested too deep",
    b'{"a": ' + b"1" * 5000 + b"}": "it holds a number of too many digits",
    b"{'a': 1}": "it is written wrong",
}


@pytest.mark.parametrize(("text", "reason"), BROKEN.items(), ids=lambda value: str(value)[:12])
def test_explain_json_is_plain_whichever_parser_speaks(text: bytes, reason: str) -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(dict[str, Any]).validate_json(text)
    assert explain_json(caught.value.errors()[0]["ctx"]["error"]).startswith(reason)
    with pytest.raises((ValueError, RecursionError)) as other:
        json.loads(text)
    check(explain_json(str(other.value)))


BODIES = [
    *BROKEN,
    *(b"null", b"[]", b'"x"', b"1", b"{}", b'{"a": NaN}', b'{"a": 1e999}', b'{"kind": "\\ud800"}'),
    *(b'{"kind": "brnn"}', b'{"kind": 3}', b'{"kind": null}', b'{"kind": "ngram"}', b'{"model": 3, "input": 3}'),
    b'{"kind": "ngram", "name": 3, "training_file": null, "tokenizer": 5, "config": []}',
    b'{"kind": "ngram", "name": "x", "training_file": "f", "config": {"order": "x"}}',
    b'{"kind": "ngram", "name": "x", "training_file": "f", "config": ' + b"[" * 5000 + b"]" * 5000 + b"}",
    b'{"kind": "classifier", "name": "x", "training_file": [1], "config": {"pooling": 3}, "encoder": {"cell": "brnn"}}',
    b'{"kind": "mixture", "members": ["a"], "name": "x", "config": {"weights": "x"}}',
    '{"a": 1}'.encode("utf-16"),
]
QUERIES = ["limit=x", "limit=-1", f"limit={10**30}", "after=%FF", "page=1", "points=x", "status=x", "format=x"]


def test_explain_is_plain_for_bad_bodies_and_parameters_of_every_route(client: httpx.Client) -> None:
    told = 0
    for path, methods in client.get("/openapi.json").json()["paths"].items():
        url = re.sub(r"\{\w+\}", "words", path)
        requests = [(name, url, body) for name in methods if name in ("post", "put") for body in BODIES]
        requests += [("get", f"{url}?{query}", b"") for query in QUERIES if "get" in methods]
        for method, address, body in requests:
            answer = client.request(method, address, content=body, headers={"content-type": "application/json"})
            assert answer.status_code < 500, (address, body[:80], answer.text)
            if answer.status_code >= 400:
                check(answer.json()["error"]["message"])
                told += 1
    assert told > 300


def test_explain_json_tells_where() -> None:
    assert explain_json("key must be a string at line 3 column 7") == "it is written wrong (line 3, column 7)"
    assert all(part == part.lower() for part, _ in JSON_FAULTS)
