"""A process in which hostile bytes are parsed: `python -m tests.parsers.child FOLDER`.

It reads lines, `prepare PARSER` or `parse PARSER`, and answers each with a line of JSON: the first makes the samples of
a parser, the second parses FOLDER's file of it. Its memory
is bounded by RLIMIT_AS, and an audit hook reports whatever would run code, open a connection or change a file outside
the folder. The audit events are those of https://docs.python.org/3/library/audit_events.html.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
import traceback
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.parsers.parser import Parser

MEMORY_BYTES = 1 << 30
"""Address space that parsing may take beyond what the libraries and the samples have."""
_RUNNING_CODE = (
    "os.system",
    "subprocess.Popen",
    "os.exec",
    "os.fork",
    "os.posix_spawn",
    "pickle.find_class",
    "os.kill",
)
_CONNECTING = ("socket.connect", "socket.bind", "urllib.Request")
_CHANGING = ("os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.chmod", "os.truncate")
_WRITE_FLAGS = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Watch:
    """An audit hook that collects what a parser may not do."""

    def __init__(self, folders: tuple[str, ...]) -> None:
        self.events: list[str] = []
        self.is_active = False
        self._folders = folders

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Note a forbidden event; raising here would only hide it in a parser's own handling of errors."""
        if not self.is_active:
            return
        is_write = event == "open" and isinstance(arguments[2], int) and bool(arguments[2] & _WRITE_FLAGS)
        is_outside = (is_write or event in _CHANGING) and not self._is_inside(arguments)
        if is_outside or event in _RUNNING_CODE or event in _CONNECTING:
            self.events.append(f"{event} {arguments!r:.200}")

    def _is_inside(self, arguments: tuple[Any, ...]) -> bool:
        path, last = arguments[0], arguments[-1]
        if isinstance(path, int) or path in ("/dev/null", b"/dev/null"):
            return True
        base = f"/proc/self/fd/{last}" if isinstance(last, int) and last > 0 else "."  # relative to an open folder
        return os.path.realpath(Path(base) / os.fsdecode(path)).startswith(self._folders)


def main(folder: Path) -> None:
    """Answer each line of standard input until it ends."""
    own_output = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is no answer
    from tests.parsers.table import PARSERS

    tempfile.tempdir = str(folder)
    watch = Watch((str(folder.resolve()),))
    sys.addaudithook(watch)
    for line in sys.stdin:
        command, _, name = line.strip().partition(" ")
        answer = _prepare(PARSERS[name], folder) if command == "prepare" else _parse(PARSERS[name], folder, watch)
        print(json.dumps(answer), file=own_output, flush=True)


def _parse(parser: Parser, folder: Path, watch: Watch) -> dict[str, Any]:
    watch.events, watch.is_active = [], True
    answer = _outcome(parser, folder / parser.file_name)
    watch.is_active = False
    return {**answer, "events": watch.events}


def _prepare(parser: Parser, folder: Path) -> dict[str, Any]:
    """Write the samples of a parser where the parent looks for them; parse each, so that all is loaded."""
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    samples = folder / "samples" / parser.name
    if not samples.exists():
        with tempfile.TemporaryDirectory() as scratch:
            made = parser.samples(Path(scratch))
        samples.mkdir(parents=True)
        for i, sample in enumerate(made):
            (samples / f"{i:02}").write_bytes(sample)
    for sample in sorted(samples.iterdir()):
        (folder / parser.file_name).write_bytes(sample.read_bytes())
        with suppress(*parser.refusals):  # some samples are refused, as what would run code is
            parser.read(folder / parser.file_name)
    _limit_memory()
    return {"outcome": "prepared"}


def _outcome(parser: Parser, path: Path) -> dict[str, str]:
    """Return how parsing ended: `valid`, `refused` with a message, or `failed` with a traceback."""
    try:
        parser.read(path)
    except parser.refusals as error:
        message = str(error)
        try:
            message.encode()
        except UnicodeEncodeError:
            return {"outcome": "failed", "detail": f"a message that is no Unicode: {message!r:.300}"}
        return {"outcome": "refused" if message else "failed", "detail": message[:500]}
    except BaseException as error:
        return {"outcome": "failed", "detail": "".join(traceback.format_exception(error, limit=-12))[-4000:]}
    return {"outcome": "valid", "detail": ""}


def _limit_memory() -> None:
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY_BYTES, resource.RLIM_INFINITY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
