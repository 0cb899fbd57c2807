"""Example requests asked of a service: `ask_all` returns the answers as the file of examples has them."""

from __future__ import annotations

import json
import time
from typing import Any

import httpx

from tools.examples.requests import EVENTS, FORM, JSON, TEXT, Example, JsonObject, examples_of

JOB_ID, FILE_ID = "job-0123456789abcdef01234567", "file-0123456789abcdef01234567"
"""What stands in examples for an id that the service chooses."""
MAX_TEXT = 1500
"""Characters of plain text or of a stream; more are cut at the end of a line."""
UPLOADS = {
    "classifier": ("reviews.tsv", "label\ttext\n" + "good\ta warm and funny film\nbad\ttoo long and not funny\n" * 20),
    "import": ("toy.arpa", "\\data\\\nngram 1=3\n\n\\1-grams:\n-0.3\t</s>\n-0.6\tcat\n-99\t<s>\n\n\\end\\\n"),
    "tune": ("lists.jsonl", json.dumps({"reference": "the cat sat", "hypotheses": [{"text": "the cat", "score": -1}]})),
    **dict.fromkeys(("score", "select"), ("pages.jsonl", json.dumps({"id": 1, "text": "the cat sat"}))),
    "delete_file": ("old.txt", "a text that is not needed any more\n"),
}
"""Files that examples refer to by FILE_ID, as name and text, by the name of the example."""


def ask_all(client: httpx.Client, document: JsonObject) -> JsonObject:
    """Ask all examples of a service with a worker and without any job; return their answers."""
    session, answers = _Session(client), JsonObject()
    for example in examples_of(document):
        media_type, body = session.ask(example)
        answers.setdefault(example.operation, {}).setdefault(media_type, {})[example.name] = body
    return answers


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
        return text[: text.rfind("\n", 0, MAX_TEXT) + 1 or MAX_TEXT] + "..."  # a busy server puts much into one line
