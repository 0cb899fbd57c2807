"""Clients that ask questions with known answers again and again, and note other answers."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any


@dataclass(frozen=True)
class Question:
    """Request that changes nothing, and the field of its answer that is always the same."""

    method: str
    path: str
    body: dict[str, Any] | None
    field: str


class Askers:
    """Threads with a kept connection each; `failures` holds what went wrong."""

    def __init__(self, port: int, questions: Sequence[Question]) -> None:
        """Ask each question once, on an undisturbed service, to know its answer."""
        self._port, self._questions = port, questions
        self.seconds: list[float] = []
        """Time of each answer, in seconds."""
        self.failures: list[str] = []
        self._stop = threading.Event()
        connection = self._connect()
        self._answers = [ask(connection, question) for question in questions]
        connection.close()
        assert all(status == 200 for status, _ in self._answers), self._answers

    @contextmanager
    def asking(self, clients: int) -> Iterator[None]:
        """Keep so many requests under way while the block lasts."""
        threads = [threading.Thread(target=self._repeat, args=(number,)) for number in range(clients)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()

    def _connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)

    def _repeat(self, first: int) -> None:
        connection = self._connect()
        for number in count(first):
            if self._stop.is_set():
                break
            number %= len(self._questions)
            question, began = self._questions[number], time.perf_counter()
            try:
                answer = ask(connection, question)
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                self.failures.append(f"{question.path}: {error!r}")
                continue
            self.seconds.append(time.perf_counter() - began)
            if answer != self._answers[number]:
                self.failures.append(f"{question.path}: {answer}")
        connection.close()


def ask(connection: http.client.HTTPConnection, question: Question) -> tuple[int, Any]:
    """Return the status and the field of the answer, or all of it where the field is missing."""
    body = None if question.body is None else json.dumps(question.body)
    headers = {} if body is None else {"content-type": "application/json"}
    connection.request(question.method, question.path, body, headers)
    response = connection.getresponse()
    content = response.read()
    answer = json.loads(content) if content.startswith(b"{") else content.decode()
    return response.status, answer.get(question.field, answer) if isinstance(answer, dict) else answer
