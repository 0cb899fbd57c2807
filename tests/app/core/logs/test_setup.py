"""The log of a process, as its standard error has it."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
from typing import Any

import pytest

from app.core.api_keys import ApiKey
from app.core.logs.formats import render_json, render_text
from app.core.logs.line_handler import LineHandler
from app.core.request_facts import REQUEST, RequestFacts
from app.core.settings import Settings, load_settings
from models.errors import InvalidInput
from tests.app.core.logs.test_formats import FORGED

PROGRAM = """
import logging, sys, threading, warnings
from app.core.logs.request_line import RequestLog
from app.core.logs.setup import log_to_stderr
from app.core.request_facts import RequestFacts
from app.core.settings import Settings
log_to_stderr(Settings().log_level, Settings().log_format)
log = logging.getLogger("app.some")
log.info("serving %s", "a\\r\\nb", extra={"job": "job-1"})
log.debug("never seen")
RequestLog().write(RequestFacts("req-1"), method="GET", status=200)
RequestLog().write(RequestFacts("req-2"), is_quiet=True)
warnings.warn("old\\nways")
def fail():
    raise ValueError("in a\\nthread")
thread = threading.Thread(target=fail, name="worker-7")
thread.start()
thread.join()
raise RuntimeError("at\\nthe end")
"""


def run(**settings: str) -> list[str]:
    environment = {f"NEXTWORD_{name.upper()}": value for name, value in settings.items()}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, env={"PATH": "", **environment}, check=False
    )
    assert done.returncode == 1
    return done.stderr.splitlines()


def test_log_is_json_where_there_is_no_terminal() -> None:
    records = [json.loads(line) for line in run()]
    assert [record["event"] for record in records[:2]] == ["serving a\r\nb", "request"]
    assert records[0].items() >= {"logger": "app.some", "job": "job-1", "level": "info"}.items()
    assert records[1].items() >= {"id": "req-1", "method": "GET", "status": 200, "key": None, "level": "info"}.items()
    warned, thread, end = records[2:]
    assert "old\nways" in warned["event"]
    assert thread["event"] == "worker-7 ended by an unexpected error"
    assert thread["exception"].endswith("ValueError: in a\nthread")
    assert end["exception"].endswith("RuntimeError: at\nthe end")
    assert all(record["timestamp"].endswith("Z") for record in records)


def test_log_is_text_where_it_is_asked_for_and_hides_what_the_level_hides() -> None:
    lines = run(log_format="text", log_level="error")
    starts = [line.partition(" ")[2] for line in lines if line.startswith("20")]
    assert starts == [
        "CRITICAL app.core.logs.setup worker-7 ended by an unexpected error",
        "CRITICAL app.core.logs.setup ended by an unexpected error",
    ]
    assert all(line.startswith(("20", "  ")) for line in lines)


def test_log_shows_quiet_lines_at_the_level_debug() -> None:
    records = [json.loads(line) for line in run(log_level="debug")]
    assert [record["id"] for record in records if record["event"] == "request"] == ["req-1", "req-2"]
    assert "never seen" in [record["event"] for record in records]


class _Caller:
    key = ApiKey("search-box", b"", frozenset())

    def use_tokens(self, count: int) -> None:
        raise AssertionError


def formatted(render: Any) -> list[str]:
    stream = io.BytesIO()
    logger = logging.Logger(f"name{FORGED}")
    logger.addHandler(LineHandler(render, stream))
    facts = RequestFacts("req-1")
    facts.caller = _Caller()
    token = REQUEST.set(facts)
    try:
        logger.warning("model %s", FORGED, extra={"color_message": "in colours"})
    finally:
        REQUEST.reset(token)
    try:
        raise ValueError(FORGED)
    except ValueError:
        logger.exception("failed")
    written = stream.getvalue().decode()
    assert not any(control in written for control in "\r\x1b\x07\x9b\u202e")
    return written.rstrip("\n").split("\n")


def test_line_handler_writes_one_line_a_record_and_indents_tracebacks() -> None:
    escaped = r"\r\n2026-01-01T00:00:00.000000Z ERROR   app forged\x1b[2J\x07\x9b1m\u202e\x7f"
    first, second, *traceback = formatted(render_text)
    assert first.partition(" ")[2] == f"WARNING name{escaped} model {escaped} request=req-1 key=search-box"
    assert second.partition(" ")[2] == f"ERROR   name{escaped} failed"
    assert all(line.startswith("  ") for line in traceback)


def test_line_handler_writes_a_traceback_into_its_record() -> None:
    first, second = map(json.loads, formatted(render_json))
    assert first["event"] == f"model {FORGED}"
    assert (first["request"], first["key"], "color_message" in first) == ("req-1", "search-box", False)
    assert second["exception"].endswith(f"ValueError: {FORGED}")


class _FullDisk(io.RawIOBase):
    def write(self, line: Any) -> int:
        raise OSError(28, "No space left on device")


def test_line_handler_loses_lines_rather_than_requests(capsys: pytest.CaptureFixture[str]) -> None:
    closed = io.BytesIO()
    closed.close()
    for stream in (_FullDisk(), closed):
        LineHandler(render_json, stream).write_fields(logging.INFO, "request", {"status": 200})  # type: ignore[arg-type]
        LineHandler(render_json, stream).emit(logging.makeLogRecord({"msg": "line"}))  # type: ignore[arg-type]
    assert capsys.readouterr().err == ""


def test_line_handler_tells_of_a_message_that_does_not_fit_its_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    LineHandler(render_json, io.BytesIO()).emit(logging.makeLogRecord({"msg": "%d", "args": ("word",)}))
    assert "TypeError" in capsys.readouterr().err


def test_log_settings_are_checked_and_kept_for_server_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (Settings().log_format, Settings().log_prompts) == ("auto", False)
    environment = Settings(log_format="text", log_prompts=True).environment()
    assert (environment["NEXTWORD_LOG_FORMAT"], environment["NEXTWORD_LOG_PROMPTS"]) == ("text", "True")
    monkeypatch.setenv("NEXTWORD_LOG_FORMAT", "xml")
    with pytest.raises(InvalidInput, match="log_format: must be 'auto', 'text' or 'json'"):
        load_settings()
