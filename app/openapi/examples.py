"""Example requests of the document, made of the fields' examples, and their true answers, from a file.

`python -m tools.examples` asks the service with the shipped models every example request and writes what it answers;
a test asks them again.
"""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

JsonObject = dict[str, Any]
ANSWERS_FILE = "example_answers.json"
JSON = "application/json"


def load_answers() -> JsonObject:
    """Return the answers: operation -> media type -> name of the request's example -> body."""
    answers: JsonObject = json.loads(files(__package__).joinpath(ANSWERS_FILE).read_text(encoding="utf-8"))
    return answers


def add_request_example(operation: JsonObject, schemas: JsonObject) -> None:
    """Make an example of a JSON body of the first example of each field, where none is written."""
    content = operation.get("requestBody", {}).get("content", {}).get(JSON)
    if content and not content.keys() & {"example", "examples"}:
        schema = schemas[content["schema"]["$ref"].rpartition("/")[2]]
        fields = schema.get("properties", {}).items()
        content["example"] = schema.get("example") or {
            name: field["examples"][0] for name, field in fields if field.get("examples", [None])[0] is not None
        }


def add_answer_examples(operation: JsonObject, answers: JsonObject) -> None:
    """Put an operation's answers, by media type and name, beside the schemas of its success."""
    status = min(operation["responses"])
    for media_type, examples in answers.items():
        content = operation["responses"][status]["content"][media_type]
        content.pop("example", None)
        if len(examples) == 1:
            (content["example"],) = examples.values()
        else:
            content["examples"] = {name: {"value": body} for name, body in examples.items()}
