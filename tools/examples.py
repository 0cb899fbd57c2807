"""Answers to all example requests of the OpenAPI document, asked of a service with the shipped models.

`python -m tools.examples` writes them into app/openapi/example_answers.json, from where the document shows them.
`ask_all` asks the examples of a service; tests compare what it returns with the file.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx

from app.openapi.examples import ANSWERS_FILE

JsonObject = dict[str, Any]
ANSWERS = Path("app/openapi") / ANSWERS_FILE
CHECKPOINTS = Path("checkpoints")
JSON, TEXT, FORM, EVENTS = "application/json", "text/plain", "multipart/form-data", "text/event-stream"
JOB_ID, FILE_ID = "job-0123456789abcdef01234567", "file-0123456789abcdef01234567"
"""What stands in examples for an id that the service chooses."""
MAX_TEXT = 1500
"""Characters of plain text or of a stream; more are cut at the end of a line."""
UPLOADS = {
    "classifier": ("reviews.tsv", "label\ttext\n" + "good\ta warm and funny film\nbad\ttoo long and not funny\n" * 20),
    "import": ("toy.arpa", "\\data\\\nngram 1=3\n\n\\1-grams:\n-0.3\t</s>\n-0.6\tcat\n-99\t<s>\n\n\\end\\\n"),
    "tune": ("lists.jsonl", json.dumps({"reference": "the cat sat", "hypotheses": [{"text": "the cat", "score": -1}]})),
    "delete_file": ("old.txt", "a text that is not needed any more\n"),
}
"""Files that examples refer to by FILE_ID, as name and text, by the name of the example."""
FIRST = ("upload", "set_alias")
LAST = ("create_job", "list_jobs", "describe_job", "list_events", "list_metrics", "cancel_job")
"""Operations that others need, and those that need a job; deletions come after all."""


@dataclass(frozen=True)
class Example:
    """An example request of the document."""

    operation: str
    name: str
    """The key of its example, or the media type of its body or its answer."""
    method: str
    path: str
    """With a name in braces for each of `places`."""
    places: JsonObject
    query: JsonObject
    media_type: str = ""
    body: Any = None
    accept: str = ""

    @property
    def url(self) -> str:
        """The path with its names filled in."""
        return self.path.format_map(self.places)


def examples_of(document: JsonObject) -> list[Example]:
    """Return all example requests, in an order in which they work."""
    found = [
        example
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        for example in _of_operation(method, path, operation)
    ]
    return sorted(found, key=_turn)


def ask_all(client: httpx.Client, document: JsonObject) -> JsonObject:
    """Ask all examples of a service with a worker and without any job; return the answers as the file has them."""
    session, answers = _Session(client), JsonObject()
    for example in examples_of(document):
        media_type, body = session.ask(example)
        answers.setdefault(example.operation, {}).setdefault(media_type, {})[example.name] = body
    return answers


def _turn(example: Example) -> int:
    """Return in which turn an example is asked."""
    if example.operation in FIRST:
        return FIRST.index(example.operation)
    if example.operation in LAST:
        return 10 + LAST.index(example.operation)
    return 20 if example.method == "delete" else 5


def _of_operation(method: str, path: str, operation: JsonObject) -> Iterator[Example]:
    given = {p["name"]: _parameter_example(p) for p in operation.get("parameters", [])}
    kinds = {p["name"]: p["in"] for p in operation.get("parameters", [])}
    places = {name: value for name, value in given.items() if kinds[name] == "path"}
    query = {name: value for name, value in given.items() if kinds[name] == "query" and value is not None}
    plain = Example(operation["operationId"], "", method, path, places, query)
    bodies = operation.get("requestBody", {}).get("content", {})
    accepted = operation["responses"][min(operation["responses"])].get("content", {})
    for media_type, content in bodies.items():
        for name, body in _body_examples(media_type, content):
            yield replace(plain, name=name, media_type=media_type, body=body)
            if EVENTS in accepted:
                yield replace(plain, name=EVENTS, media_type=media_type, body=body | {"stream": True})
    if not bodies:
        yield replace(plain, name=JSON)
    if JSON in accepted and len(accepted) > 1 >= len(bodies) and not (bodies and EVENTS in accepted):
        body = {"media_type": JSON, "body": bodies[JSON]["example"]} if bodies else {}
        for kind in list(accepted)[1:]:
            yield replace(plain, name=kind, accept=kind, **body)


def _parameter_example(parameter: JsonObject) -> Any:
    """Return the first example of a parameter; None without one."""
    named = list(parameter.get("examples", {}).values())
    written = [example["value"] for example in named] + parameter["schema"].get("examples", [])
    return written[0] if written else parameter.get("example")


def _body_examples(media_type: str, content: JsonObject) -> Iterator[tuple[str, Any]]:
    for name, example in content.get("examples", {}).items():
        yield name, example["value"]
    if "example" in content:
        yield media_type, content["example"]
    if media_type == FORM:
        yield media_type, {"file": ("cats.txt", "the cat sat\nthe dog ran\n")}


class _Session:
    """Requests to one service, whose own ids stand in the place of those of the examples."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client
        self._ids: dict[str, str] = {}

    def ask(self, example: Example) -> tuple[str, Any]:
        """Return media type and body of the answer to an example."""
        upload = UPLOADS.get(example.name) or UPLOADS.get(example.operation)
        if upload:
            file = self._client.post("/v1/files", files={"file": upload}).raise_for_status().json()
            self._ids[FILE_ID] = file["id"]
        answer = self._send(example)
        if example.operation == "create_job":
            self._follow(example.name, answer.json()["id"])
        media_type = answer.headers["content-type"].partition(";")[0]
        return media_type, self._shown(answer, media_type)

    def _send(self, example: Example) -> httpx.Response:
        headers = {"accept": example.accept} if example.accept else {}
        body: JsonObject = {}
        if example.media_type == FORM:
            body = {"files": example.body}
        elif example.media_type:
            headers["content-type"] = example.media_type
            is_json = example.media_type == JSON
            body = {"content": self._own_ids(json.dumps(example.body)) if is_json else example.body}
        answer = self._client.request(
            example.method, self._own_ids(example.url), params=example.query, headers=headers, **body
        )
        if answer.is_error:
            raise RuntimeError(f"{example.operation} ({example.name}): {answer.text}")
        return answer

    def _follow(self, name: str, job: str) -> None:
        """Wait for the first job, whose id stands for those of the examples; cancel the others."""
        if JOB_ID in self._ids:
            self._client.post(f"/v1/jobs/{job}/cancel").raise_for_status()
            return
        self._ids[JOB_ID] = job
        while (status := self._client.get(f"/v1/jobs/{job}").json()["status"]) != "succeeded":
            if status not in ("queued", "running"):
                raise RuntimeError(f"the job of the example {name} is {status}")
            time.sleep(0.1)

    def _own_ids(self, text: str) -> str:
        for shown, own in self._ids.items():
            text = text.replace(shown, own)
        return text

    def _shown(self, answer: httpx.Response, media_type: str) -> Any:
        text = answer.text
        for shown, own in self._ids.items():
            text = text.replace(own, shown)
        if media_type == JSON:
            return json.loads(text)
        if len(text) <= MAX_TEXT or media_type not in (TEXT, EVENTS):
            return text
        return text[: text.rindex("\n", 0, MAX_TEXT) + 1] + "..."


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Serve the shipped models, copied into `folder`, with a worker; yield the address."""
    link_checkpoints(folder / "checkpoints")
    command = [sys.executable, "-m", "app.cli.main", "serve", "--port", "0"]
    folders = ["--checkpoints", str(folder / "checkpoints"), "--data", str(folder / "data")]
    environment = {**os.environ, "NEXTWORD_JOB_NICENESS": "0"}
    with subprocess.Popen([*command, *folders], stdout=subprocess.PIPE, text=True, env=environment) as server:
        assert server.stdout is not None, "it is a pipe"
        try:
            lines = iter(server.stdout.readline, "")
            yield next(line for line in lines if "/v1/models" in line).split()[-1].removesuffix("/v1/models")
        finally:
            server.terminate()


def link_checkpoints(folder: Path) -> None:
    """Make a folder with the shipped models, whose files are hard links where the file system has them."""
    for path in CHECKPOINTS.rglob("*"):
        target = folder / path.relative_to(CHECKPOINTS)
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.is_file():
            try:
                os.link(path, target)
            except OSError:
                target.write_bytes(path.read_bytes())


def main() -> None:
    """Write the answers of a service with the shipped models."""
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as url, httpx.Client(base_url=url) as client:
        client.timeout = httpx.Timeout(60)
        while client.get("/health/ready").status_code != 200:
            time.sleep(0.1)
        answers = ask_all(client, client.get("/openapi.json").json())
    ANSWERS.write_text(json.dumps(answers, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
