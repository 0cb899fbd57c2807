"""The wire format between a worker and its child: names that other versions know."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest

from app.worker.run_protocol import (
    Done,
    Failed,
    InputFile,
    Lost,
    Measured,
    Message,
    Reported,
    Resumed,
    RunSpec,
    Stopped,
    message_from_json,
    message_to_json,
    run_spec_from_json,
)


@pytest.mark.parametrize(
    ("message", "line"),
    [
        (Reported({"step": 1}), '{"kind": "Reported", "progress": {"step": 1}}'),
        (Measured(3, {"loss": None}), '{"kind": "Measured", "step": 3, "values": {"loss": null}}'),
        (Resumed(2), '{"kind": "Resumed", "step": 2}'),
        (Done("dir", {"a": 1}), '{"kind": "Done", "staged": "dir", "result": {"a": 1}}'),
        (Failed("code", "why"), '{"kind": "Failed", "code": "code", "message": "why"}'),
        (Stopped(), '{"kind": "Stopped"}'),
        (Lost("why"), '{"kind": "Lost", "reason": "why"}'),
    ],
)
def test_message_lines_keep_their_names(message: Message, line: str) -> None:
    assert json.dumps(message_to_json(message)) == line
    assert message_from_json(json.loads(line)) == message


def test_run_spec_line_keeps_its_names() -> None:
    spec = RunSpec("job-1", {"kind": "ngram"}, "work", "staging", "checkpoints", 2, 30.0, InputFile("/x", "a.txt"))
    line = {
        "job_id": "job-1",
        "request": {"kind": "ngram"},
        "workdir": "work",
        "staging": "staging",
        "checkpoints": "checkpoints",
        "threads": 2,
        "save_seconds": 30.0,
        "training": {"path": "/x", "name": "a.txt"},
        "validation": None,
        "more_files": {},
        "memory_bytes": None,
        "log_level": "info",
        "log_format": "auto",
    }
    assert asdict(spec) == line
    assert run_spec_from_json(line) == spec
