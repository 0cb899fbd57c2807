"""Schemathesis finds no server error, no undocumented answer and no valid request refused.

It needs `schemathesis`, of the extra `clients`: in this environment, or in that of the Python that the variable
NEXTWORD_SCHEMATHESIS_PYTHON or NEXTWORD_CLIENTS_PYTHON names.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.command_line import python_with
from tests.helpers.serving import Server
from tools.examples.requests import JsonObject

HOOKS = """
import hypothesis
import schemathesis

hypothesis.target = lambda value, label="": value


def whole(value):
    if isinstance(value, dict):
        return {name: whole(part) for name, part in value.items()}
    if isinstance(value, list):
        return [whole(part) for part in value]
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**53 else value


@schemathesis.hook
def map_body(context, body):
    return whole(body) if isinstance(body, dict | list) else body


@schemathesis.serializer("application/x-ndjson")
def ndjson(context, value):
    return value if isinstance(value, bytes) else str(value).encode()
"""
"""Hooks of schemathesis: to JSON Schema 1.0 is an integer, to this service it is none; and records stay as they are.

It tells hypothesis that accepted requests are the aim, for which that shrinks them for minutes, case after case.
"""
SKIPPED_CHECKS = "ignored_auth,ensure_resource_availability,use_after_free"
"""Checks of keys, which this service has none of, and of chains of requests."""
UNJUDGED: dict[str, tuple[str, ...]] = {
    "positive_data_acceptance": (
        *("create_job", "estimate_job", "set_alias", "upload", "list_files"),  # name what must exist, or hold a file
        *("list_jobs", "count_ngrams", "rescore", "measure_perplexity", "answer_questions", "fill_blanks"),
        *("export_model", "detokenize", "detokenize_for_model", "embed_texts"),
    ),
    "negative_data_rejection": (
        *("classify_texts", "tag", "fill_blanks", "answer_questions", "score_pseudo_logprob", "predict_next"),
        *("score_probability", "analyze", "count_ngrams", "rescore", "embed_texts", "embed_model_texts"),
        "measure_perplexity",
    ),
}
"""Check -> operations of which it cannot judge: a field depends on another, on a file or on the model's vocabulary; or
a list is judged item by item, so that a bad item costs an error in its place and no refusal."""


PATIENCE = ("--request-timeout", "60")
"""Seconds that an answer may take, of thousands of tokens on a busy machine."""
VOCABULARY_SIZE = 10_000
"""Tokens of the model that the examples ask; no schema can say which ids are beyond a vocabulary."""
JUDGED_BY_THE_MODEL = (
    *("best_of", "dimensions", "keystrokes", "logit_bias", "logprobs", "spans", "shortlist", "suffix", "top_logprobs"),
)
"""Fields whose values must fit the model, the text or another field."""


def described(document: JsonObject) -> JsonObject:
    """The document without keys, deadlines, and fields that only the model or other fields can judge."""
    content: JsonObject = json.loads(json.dumps(document))
    for schema in content["components"]["schemas"].values():
        for name in JUDGED_BY_THE_MODEL:
            schema.get("properties", {}).pop(name, None)
    _bound_token_ids(content["components"]["schemas"])
    for methods in content["paths"].values():
        for operation in methods.values():
            operation.pop("security", None)
            operation["parameters"] = [p for p in operation["parameters"] if p["name"] != "x-request-timeout-ms"]
    return content


def _bound_token_ids(schema: Any) -> None:
    """Give token ids the bound that the vocabulary of the examples' model sets."""
    for part in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        _bound_token_ids(part)
    if isinstance(schema, dict) and schema.get("exclusiveMaximum") == 2**31:
        schema["exclusiveMaximum"] = VOCABULARY_SIZE


def configuration(document: JsonObject) -> Iterator[str]:
    """Lines of `schemathesis.toml`: which model each operation asks, and what is not judged."""
    yield "hooks = 'hooks.py'"
    yield "[parameters]\nfile_id = 'file-sample'\nalias = 'production'"
    for methods in document["paths"].values():
        for operation in methods.values():
            parameters = {p["name"]: p for p in operation["parameters"] if p["in"] == "path"}
            named = parameters.get("model", {}).get("examples", {}).get("name", {})
            lines = [f"parameters = {{ model = '{named['value']}' }}"] if named else []
            unjudged = [check for check, names in UNJUDGED.items() if operation["operationId"] in names]
            if unjudged:
                lines.append(f"checks = {{ {', '.join(f'{check} = {{ enabled = false }}' for check in unjudged)} }}")
            if lines:
                yield f"[[operations]]\ninclude-operation-id = '{operation['operationId']}'\n" + "\n".join(lines)


def fuzz(document: JsonObject, url: str, folder: Path, *options: str, seconds: float = 3000) -> str:
    """Run schemathesis with a seed; return what it says. Raises AssertionError for a finding."""
    python = python_with("schemathesis", "NEXTWORD_SCHEMATHESIS_PYTHON", "NEXTWORD_CLIENTS_PYTHON")
    content = described(document)
    (folder / "openapi.json").write_text(json.dumps(content))
    (folder / "hooks.py").write_text(HOOKS)
    (folder / "schemathesis.toml").write_text("\n".join(configuration(content)))
    command = [python, "-m", "schemathesis.cli", "run", "openapi.json", "--url", url, "--seed", "1", "--no-color"]
    checks = ["--exclude-checks", SKIPPED_CHECKS, "--continue-on-failure", "--warnings", "off", *PATIENCE]
    run = subprocess.run([*command, *checks, *options], cwd=folder, capture_output=True, text=True, timeout=seconds)
    assert run.returncode == 0, run.stdout[-8000:] + run.stderr[-2000:]
    return run.stdout


@pytest.mark.clients
def test_fuzzer_finds_nothing_in_a_short_run(shipped: Server, document: Any, answers: Any, tmp_path: Path) -> None:
    fuzz(document, shipped.url, tmp_path, "--phases", "examples,fuzzing", "--max-examples", "2")
