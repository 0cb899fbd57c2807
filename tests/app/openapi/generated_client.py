"""Program that calls routes by a generated client, run by the Python that the client is for.

Arguments: the folder of the package `client`, and the service's address. It reads calls as a JSON list from standard
input, and writes a line for each: the operation, the status, and whether the client understood all that was sent.
"""

from __future__ import annotations

import enum
import importlib
import inspect
import io
import json
import sys
import time
import typing
from typing import Any

JOB_ID, FILE_ID, MODEL_ID = "job-0123456789abcdef01234567", "file-0123456789abcdef01234567", "my-model@1"
"""What stands in examples for an id that the service chooses."""


class Caller:
    """The generated client, and the service's own ids."""

    def __init__(self, url: str) -> None:
        self._client = importlib.import_module("client").Client(base_url=url, timeout=60)
        self._ids: dict[str, str] = {}

    def call(self, call: dict[str, Any]) -> tuple[str, int, bool]:
        """Call an operation; return its name, the status, and whether nothing of the answer was lost."""
        function = _function(call["tag"], call["operation"], "sync_detailed")
        values = self._own({**call["places"], **call["query"]})
        arguments = {name: _parameter(function, name, value) for name, value in values.items()}
        if call["media_type"]:
            arguments["body"] = _body(function, call["media_type"], self._own(call["body"]))
        answer = function(client=self._client, **arguments)
        self._note(call["operation"], answer.parsed)
        if not hasattr(answer.parsed, "to_dict"):
            return call["operation"], int(answer.status_code), answer.parsed is not None
        return call["operation"], int(answer.status_code), answer.parsed.to_dict() == json.loads(answer.content)

    def _own(self, value: Any) -> Any:
        text = json.dumps(value)
        for shown, own in self._ids.items():
            text = text.replace(shown, own)
        return json.loads(text)

    def _note(self, operation: str, parsed: Any) -> None:
        """Note a new id; wait for the first job, and cancel the others."""
        if operation == "upload":
            self._ids.setdefault(FILE_ID, parsed.id)
        elif operation == "create_job" and JOB_ID in self._ids:
            _function("jobs", "cancel_job", "sync")(parsed.id, client=self._client)
        elif operation == "create_job":
            self._ids |= {JOB_ID: parsed.id, MODEL_ID: parsed.model}
            describe = _function("jobs", "describe_job", "sync")
            while describe(parsed.id, client=self._client).status in ("queued", "running"):
                time.sleep(0.1)


def _function(tag: str, operation: str, name: str) -> Any:
    return getattr(importlib.import_module(f"client.api.{tag}.{operation}"), name)


def _parameter(function: Any, name: str, value: Any) -> Any:
    """Return the value of a parameter, as a member of its enumeration where it has one."""
    annotation = inspect.signature(function).parameters[name].annotation
    kinds = [kind for kind in typing.get_args(annotation) or (annotation,) if isinstance(kind, enum.EnumMeta)]
    return kinds[0](value) if kinds else value


def _body(function: Any, media_type: str, content: Any) -> Any:
    """Return the body as an object of that one of the function's classes which holds it."""
    annotation = inspect.signature(function).parameters["body"].annotation
    classes = typing.get_args(annotation) or (annotation,)
    if media_type == "multipart/form-data":
        name, text = content["file"]
        form = next(kind for kind in classes if hasattr(kind, "to_multipart"))
        file = importlib.import_module("client.types").File(io.BytesIO(text.encode()), file_name=name)
        return form(file=file)
    for kind in classes:
        try:
            built = kind.from_dict(dict(content))
        except (AttributeError, KeyError, TypeError, ValueError):
            continue
        if built.to_dict() == content:
            return built
    raise SystemExit(f"no class of {function.__module__} holds {content}")


if __name__ == "__main__":
    sys.path.insert(0, sys.argv[1])
    caller = Caller(sys.argv[2])
    for asked in json.load(sys.stdin):
        print(json.dumps(caller.call(asked)), flush=True)
