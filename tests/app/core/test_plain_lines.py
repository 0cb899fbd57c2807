"""Control characters reach neither the log nor a terminal."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
from pathlib import Path

from app.core.plain_lines import LineFormatter, PlainStream, escape_controls
from tests.helpers.serving import get, ngram, publish, wait_for

FORGED = "\r\n2026-01-01 00:00:00,000 ERROR   app forged\x1b[2J\x07\x9b1m\u202e"
ESCAPED = r"\r\n2026-01-01 00:00:00,000 ERROR   app forged\x1b[2J\x07\x9b1m\u202e"


def test_escape_controls_leaves_what_can_be_printed() -> None:
    text = "naïve “café” \N{NO-BREAK SPACE}日本語 🙂"
    assert escape_controls(text) is text or escape_controls(text) == text
    assert escape_controls(f"a{FORGED}") == f"a{ESCAPED}"


def test_line_formatter_writes_one_line_a_record_and_indents_tracebacks() -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(LineFormatter("%(levelname)s %(name)s %(message)s"))
    logger = logging.Logger(f"name{FORGED}")
    logger.addHandler(handler)
    logger.warning("model %s", FORGED)
    try:
        raise ValueError(FORGED)
    except ValueError:
        logger.exception("failed")
    first, second, *traceback = stream.getvalue().rstrip("\n").split("\n")
    assert first == f"WARNING name{ESCAPED} model {ESCAPED}"
    assert second == f"ERROR name{ESCAPED} failed"
    assert all(line.startswith("  ") for line in traceback)
    assert not any(control in stream.getvalue() for control in "\r\x1b\x07\x9b\u202e")


def test_plain_stream_keeps_lines_and_the_progress_bar() -> None:
    under = io.StringIO()
    stream = PlainStream(under)
    stream.write("\rtraining 5%")
    stream.write("a\tb\n")
    stream.write("x\ry\x1b[2J\n")
    assert under.getvalue() == "\rtraining 5%a\tb\nx\\ry\\x1b[2J\n"
    assert not stream.isatty()


def test_server_and_command_line_write_no_controls_of_a_card_a_request_or_a_name(tmp_path: Path) -> None:
    root = tmp_path / "models"
    publish(root, "words", ngram(order=1))
    staged = publish(tmp_path / "staged", "odd", ngram(order=1)).path
    card = staged / "card.json"
    card.chmod(0o644)
    card.write_text(json.dumps({**json.loads(card.read_text()), "kind": f"ngram{FORGED}"}))
    staged.parent.rename(root / "odd")
    (root / f"words\x1b[2J{FORGED.strip()}").mkdir()
    command = [sys.executable, "-m", "app.cli.main", "serve", "--port", "0", "--checkpoints", str(root)]
    log = tmp_path / "log"
    with log.open("wb") as stderr:
        arguments = [*command, "--data", str(tmp_path / "data"), "--no-worker"]
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=stderr, text=True) as server:
            try:
                assert server.stdout is not None
                url = next(line for line in server.stdout if "/v1/models" in line).split()[-1]
                wait_for(lambda: b"odd@1 cannot be used" in log.read_bytes())
                for path in ("/words%0d%0aforged%1b[2J", "/odd%1b/next", "?after=%0d%0a%1b"):
                    get(url + path, headers={"x-request-id": "caf\xe9".encode()})
            finally:
                server.terminate()
    ask = [sys.executable, "-m", "app.cli.main", "next", f"odd{FORGED}", "--checkpoints", str(root)]
    done = subprocess.run(ask, capture_output=True, check=False)
    assert done.returncode == 1
    for text in (log.read_text(), done.stderr.decode()):
        assert not any(control in text for control in "\r\x1b\x07\x9b\u202e"), text
        assert ESCAPED in text
        assert not any(line.startswith("2026-01-01 00") for line in text.splitlines())
