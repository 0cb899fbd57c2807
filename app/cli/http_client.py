"""HTTP client of a service's files, jobs and models, for the command line.

`ServiceClient` uses only the standard library, so that `nextword jobs` starts fast.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import IO, Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode, urlsplit
from urllib.request import Request, urlopen

from models.data.encoding_names import UTF_8
from models.errors import InvalidInput, NextwordError
from models.utils.regular_files import open_regular

SILENCE_TIMEOUT_SECONDS = 60.0
"""Longest silence of a connection; a streaming service sends a comment every 15 s."""
PIECE_BYTES = 1 << 20
"""Most bytes of a file that are read at once."""
RECONNECT_SECONDS = 1.0
GIVE_UP_SECONDS = 120.0
"""How long a service may be unreachable before following a job is given up."""


class ServiceError(NextwordError):
    """The service refused a request, or does not answer."""


@dataclass(frozen=True)
class ServerSentEvent:
    """Server-sent event about a job."""

    id: str | None
    event: str
    data: dict[str, Any]


class ServiceClient:
    """Client of the service at `url`, which sends the API key where there is one.

    Methods raise ServiceError, or InvalidInput where a field is at fault.
    """

    def __init__(self, url: str, api_key: str = "") -> None:
        """Keep the address of a service. Raises InvalidInput where it is none of HTTP."""
        if not _is_http(url):
            raise InvalidInput("url", f"must be as http://127.0.0.1:8000, not {url!r}")
        self._url = url.rstrip("/")
        self._key_headers = {"authorization": f"Bearer {api_key}"} if api_key else {}

    def get(self, path: str, **query: str | int | None) -> dict[str, Any]:
        """Send a GET request; query parameters that are None are left out."""
        parameters = {name: value for name, value in query.items() if value is not None}
        return self._json(Request(f"{self._url}{quote(path)}?{urlencode(parameters)}"))

    def post(self, path: str, body: dict[str, Any] | None = None, key: str | None = None) -> dict[str, Any]:
        """Send a POST request with a JSON body; with an idempotency `key` it may be repeated."""
        data = None if body is None else json.dumps(body).encode()
        headers = {} if body is None else {"content-type": "application/json"}
        if key is not None:
            headers["idempotency-key"] = key
        return self._json(Request(f"{self._url}{quote(path)}", data, headers, method="POST"))

    def upload(self, path: Path, encoding: str = UTF_8) -> str:
        """Upload a file, sent as it is read; returns its id. The service reads its text in `encoding`."""
        query = urlencode({"filename": path.name} | ({} if encoding == UTF_8 else {"encoding": encoding}))
        with open_regular(path) as file:
            headers = {"content-type": "text/plain", "content-length": str(os.fstat(file.fileno()).st_size)}
            answer = self._json(Request(f"{self._url}/v1/files?{query}", file, headers, method="POST"))
        return str(answer["id"])

    @contextmanager
    def download(self, path: str, offset: int = 0) -> Iterator[Iterator[bytes]]:
        """Open a file at a byte; yields its pieces, which end early where the connection breaks."""
        headers = {"range": f"bytes={offset}-"} if offset else {}
        with self._open(Request(f"{self._url}{quote(path)}", headers=headers)) as answer:
            skipped = 0 if answer.status == HTTPStatus.PARTIAL_CONTENT else offset  # a proxy may send the whole file
            yield _pieces(answer, skipped)

    def follow_job(self, job_id: str) -> Iterator[ServerSentEvent]:
        """Yield the events of a job until it is over; a connection that is lost is opened again.

        Raises ServiceError at once where the first connection fails, and where a lost one cannot be reopened.
        """
        last, lost, connected = "0", None, False
        while True:
            try:
                for event in self._events(job_id, last):
                    last, lost, connected = event.id or last, None, True
                    yield event
                    if event.event in ("succeeded", "failed", "cancelled"):
                        return
            except ServiceError as error:
                if not (connected and isinstance(error.__cause__, OSError | HTTPException)):
                    raise
                lost = lost or time.monotonic()
                if time.monotonic() - lost > GIVE_UP_SECONDS:
                    raise
            time.sleep(RECONNECT_SECONDS)

    def _events(self, job_id: str, last: str) -> Iterator[ServerSentEvent]:
        headers = {"accept": "text/event-stream", "last-event-id": last}
        with self._open(Request(f"{self._url}/v1/jobs/{quote(job_id)}/events", headers=headers)) as answer:
            yield from parse_events(answer)

    def _json(self, request: Request) -> dict[str, Any]:
        with self._open(request) as answer:
            content: dict[str, Any] = json.load(answer)
            return content

    @contextmanager
    def _open(self, request: Request) -> Iterator[HTTPResponse]:
        for name, value in self._key_headers.items():
            request.add_unredirected_header(name, value)  # which no other host gets
        try:
            with urlopen(request, timeout=SILENCE_TIMEOUT_SECONDS) as answer:
                yield answer
        except HTTPError as error:
            raise _service_error(error) from None
        except (URLError, HTTPException, OSError) as error:
            reason = getattr(error, "reason", None) or error
            raise ServiceError(f"{self._url} does not answer ({reason}); is `nextword serve` running?") from error


def _pieces(answer: HTTPResponse, skipped: int) -> Iterator[bytes]:
    """Yield what comes of an answer after some bytes, until its end or a break."""
    with suppress(HTTPException, OSError):
        while piece := answer.read1(PIECE_BYTES):
            if len(piece) > skipped:
                yield piece[skipped:]
            skipped = max(skipped - len(piece), 0)


def _is_http(url: str) -> bool:
    """Tell whether an address names a host to be asked over HTTP."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    is_host = parts.scheme in ("http", "https") and bool(parts.hostname)
    return is_host and parts.path.isascii() and url.isprintable() and " " not in url


def parse_events(lines: IO[bytes]) -> Iterator[ServerSentEvent]:
    """Parse server-sent events; an event that breaks off is dropped."""
    fields: dict[str, str] = {}
    for line in lines:
        text = line.decode().rstrip("\r\n")
        if text:
            name, _, value = text.partition(": ")
            fields[name] = value
            continue
        if "data" in fields:
            yield ServerSentEvent(fields.get("id"), fields.get("event", "message"), json.loads(fields["data"]))
        fields = {}


def _service_error(error: HTTPError) -> NextwordError:
    """Convert the service's error response to an exception."""
    try:
        detail = json.load(error)["error"]
        message, param = str(detail["message"]), detail["param"]
    except (ValueError, KeyError, TypeError):
        return ServiceError(f"the service answers with status {error.code}")
    if error.code == 400 and param:
        return InvalidInput(param, message.removeprefix(f"{param}: "))
    return ServiceError(message)
