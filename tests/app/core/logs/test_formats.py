"""Lines of the log: whatever a value holds, it stays one value of one line."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.logs.formats import render_json, render_text

FORGED = "\r\n2026-01-01T00:00:00.000000Z ERROR   app forged\x1b[2J\x07\x9b1m\u202e\x7f"
CONTROLS = "\r\x1b\x07\x9b\u202e\x7f\u2028\u2066"
VALUES = st.none() | st.integers() | st.floats(allow_nan=False) | st.text() | st.characters(categories=["Cs"])


def no_controls(line: bytes) -> bool:
    return not any(control in line.decode() for control in CONTROLS)


def test_render_json_keeps_every_value() -> None:
    fields = {"event": FORGED, "model": None, "tokens_in": 3, "seconds": 0.25, "caf\xe9\x9b": "日本"}
    line = render_json(fields)
    assert b"\n" not in line
    assert no_controls(line)
    assert json.loads(line) == fields


@given(st.dictionaries(st.text(), VALUES))
def test_render_json_is_one_line_that_any_parser_reads(fields: dict[str, Any]) -> None:
    line = render_json(fields)
    assert line.decode().isprintable() or not any(control in line.decode() for control in "\n" + CONTROLS)
    found = json.loads(line)
    assert {name: value for name, value in found.items() if isinstance(value, str)} == {
        name: value for name, value in fields.items() if isinstance(value, str)
    }


@given(st.dictionaries(st.sampled_from(["event", "model", "path", "body"]), st.text()))
def test_render_text_is_one_line(fields: dict[str, Any]) -> None:
    line = render_text(fields).decode()
    assert "\n" not in line
    assert not any(control in line for control in CONTROLS)


@pytest.mark.parametrize("value", ["a b", "a=b", 'a" key="admin', "a\\", "", "a\u2028b", "it's"])
def test_render_text_quotes_values_that_could_pass_for_fields(value: str) -> None:
    line = render_text({"event": "request", "model": value, "key": "k"}).decode()
    assert line.startswith('request model="')
    assert line.endswith('" key=k')


@pytest.mark.parametrize("event", ["there is no model x key=admin", 'there is no model " key=admin', "a\\ b=c"])
def test_render_text_quotes_events_that_could_pass_for_fields(event: str) -> None:
    line = render_text({"event": event, "key": "k"}).decode()
    assert line == f"{json.dumps(event)} key=k"


def test_render_text_indents_tracebacks() -> None:
    fields = {"level": "error", "event": "failed", "exception": f"Traceback:\n  File\nValueError: {FORGED}"}
    first, *traceback = render_text(fields).decode().split("\n")
    assert first == "ERROR   failed"
    assert traceback[:2] == ["  Traceback:", "    File"]
    assert all(line.startswith("  ") for line in traceback)
    assert no_controls("".join(traceback).encode())


def test_render_text_leaves_out_what_is_not_known() -> None:
    fields = {"timestamp": "T", "level": "info", "logger": "app", "event": "request", "key": None, "status": 200}
    assert render_text(fields) == b"T INFO    app request status=200"
