"""Task requests share room, computing thread and shortcut with all others."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.helpers.serving import Server, busy, get, idle, post, serving, wait_for

QUESTIONS = {
    "/v1/models/sentiment/classify": {"text": ["the old dog", ""], "explain": True},
    "/v1/models/animals/tag": {"text": "the old dog", "probabilities": True},
    "/v1/models/filler/fill": {"text": "the ___ dog", "top_k": 2},
    "/v1/models/words/fill": {"text": "the ___ dog", "top_k": 2},
    "/v1/models/filler/pseudo_logprob": {"text": "the old dog", "tokens": True},
    "/v1/models/stories/answer": {"context": "the old dog saw a cat .", "question": ["the ?", "old ?"]},
    "/v1/embeddings": {"model": "sentiment", "input": ["the old dog"], "per_token": True},
}


def ask(server: Server, path: str) -> httpx.Response:
    return post(f"{server.url}{path}", json=QUESTIONS[path])


@pytest.mark.parametrize("path", QUESTIONS)
def test_tasks_answer_alike_by_the_fast_path_and_by_the_framework(tasks: httpx.Client, path: str) -> None:
    short, long = (
        tasks.post(path, json=QUESTIONS[path], headers={"content-type": media_type})
        for media_type in ("application/json", "application/nextword+json")
    )
    assert short.status_code == 200, short.text
    assert short.content == long.content


@pytest.mark.parametrize("path", QUESTIONS)
def test_tasks_report_errors_alike_by_the_fast_path_and_by_the_framework(tasks: httpx.Client, path: str) -> None:
    for body in ({}, [], {**QUESTIONS[path], "no such field": 1}, {"model": 1, "text": 1, "input": 1}):
        short, long = (
            tasks.post(path, json=body, headers={"content-type": media_type})
            for media_type in ("application/json", "application/nextword+json")
        )
        assert short.status_code == 400
        assert short.json() == long.json()


def test_tasks_are_answered_beside_an_endless_text(task_models: Path) -> None:
    with serving(task_models, max_tokens=10**6, max_pending_tokens=10**7) as server:
        expected = {path: ask(server, path).json() for path in QUESTIONS}
        with busy(server, "lstm"), ThreadPoolExecutor(6) as pool:
            for path, answer in zip(QUESTIONS, pool.map(lambda path: ask(server, path), QUESTIONS), strict=True):
                assert answer.status_code == 200
                assert answer.json() == expected[path]
        wait_for(lambda: idle(server.url))


def test_tasks_are_refused_where_there_is_no_room(task_models: Path) -> None:
    with serving(task_models, max_running=1, max_waiting=0, max_tokens=10**6) as server, busy(server, "lstm"):
        for path in QUESTIONS:
            answer = ask(server, path)
            if path == "/v1/models/words/fill":  # an n-gram model, which runs at once
                assert answer.status_code == 200
                continue
            assert (answer.status_code, answer.json()["error"]["code"]) == (429, "overloaded")
            assert float(answer.headers["retry-after"]) > 0


def test_tasks_leave_nothing_behind_after_a_storm(task_models: Path) -> None:
    with serving(task_models, max_running=4, max_waiting=4) as server, ThreadPoolExecutor(16) as pool:
        statuses = {answer.status_code for answer in pool.map(lambda path: ask(server, path), [*QUESTIONS] * 30)}
        assert statuses <= {200, 429}
        assert 200 in statuses
        wait_for(lambda: idle(server.url))
        assert get(f"{server.url}/health/ready").status_code == 200
