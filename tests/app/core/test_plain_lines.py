"""Control characters reach neither the log nor a terminal."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from app.core.plain_lines import PlainStream, escape_controls
from tests.helpers.serving import get, ngram, process, publish, wait_for

FORGED = "\r\n2026-01-01 00:00:00,000 ERROR   app forged\x1b[2J\x07\x9b1m\u202e"
ESCAPED = r"\r\n2026-01-01 00:00:00,000 ERROR   app forged\x1b[2J\x07\x9b1m\u202e"


def test_escape_controls_leaves_what_can_be_printed() -> None:
    text = "naïve “café” \N{NO-BREAK SPACE}日本語 🙂"
    assert escape_controls(text) is text or escape_controls(text) == text
    assert escape_controls(f"a{FORGED}") == f"a{ESCAPED}"


def test_plain_stream_keeps_lines_and_the_progress_bar() -> None:
    under = io.StringIO()
    stream = PlainStream(under)
    stream.write("\rtraining 5%")
    stream.write("a\tb\n")
    stream.write("x\ry\x1b[2J\n")
    assert under.getvalue() == "\rtraining 5%a\tb\nx\\ry\\x1b[2J\n"
    assert not stream.isatty()


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_server_and_command_line_write_no_controls_of_a_card_a_request_or_a_name(
    tmp_path: Path, log_format: str
) -> None:
    root = tmp_path / "models"
    publish(root, "words", ngram(order=1))
    staged = publish(tmp_path / "staged", "odd", ngram(order=1)).path
    card = staged / "card.json"
    card.chmod(0o644)
    card.write_text(json.dumps({**json.loads(card.read_text()), "kind": f"ngram{FORGED}"}))
    staged.parent.rename(root / "odd")
    (root / f"words\x1b[2J{FORGED.strip()}").mkdir()
    log = tmp_path / "log"
    with (
        log.open("wb") as stderr,
        process(root, tmp_path / "data", log=stderr, NEXTWORD_LOG_FORMAT=log_format) as (server, url),
    ):
        wait_for(lambda: b"odd@1 cannot be used" in log.read_bytes())
        for path in ("/words%0d%0aforged%1b[2J", "/odd%1b/next", "?after=%0d%0a%1b"):
            get(f"{url}/v1/models{path}", headers={"x-request-id": "caf\xe9".encode()})
        server.terminate()
        server.wait(60)
    ask = [sys.executable, "-m", "app.cli.main", "next", f"odd{FORGED}", "--checkpoints", str(root)]
    done = subprocess.run(ask, capture_output=True, check=False)
    assert done.returncode == 1
    logged = log.read_text()
    assert not any(control in logged for control in "\r\x1b\x07\x9b\u202e"), logged
    if log_format == "json":
        logged = "\n".join(escape_controls(json.loads(line)["event"]) for line in logged.splitlines())
    for text in (logged, done.stderr.decode()):
        assert not any(control in text for control in "\r\x1b\x07\x9b\u202e"), text
        assert ESCAPED in text
        assert not any(line.startswith("2026-01-01 00") for line in text.splitlines())
