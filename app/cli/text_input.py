"""Text that commands read from files and from standard input: decompressed, in any encoding, line by line.

`open_text` opens a file or standard input; `standard_input_as_file` keeps what has to be read twice.
"""

from __future__ import annotations

import io
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO, cast

import click

from models.data.encoding_names import UTF_8
from models.errors import InvalidInput
from models.utils.compression import decompressed

STANDARD_INPUT = "-"
encoding_option = click.option(
    "--encoding",
    default=UTF_8,
    help="How the characters of the text are written: utf-8, latin-1, cp1252, utf-16-le or another. [default: utf-8]",
)


@contextmanager
def open_text(file: Path | None) -> Iterator[BinaryIO]:
    """Yield what a file holds, decompressed; `-` and None are standard input. Raises InvalidInput."""
    if file is None or str(file) == STANDARD_INPUT:
        stream = cast(io.RawIOBase, sys.stdin.buffer)
        yield decompressed(stream if isinstance(stream, io.BufferedReader) else io.BufferedReader(stream), "text")
        return
    try:
        opened = file.open("rb")
    except OSError as error:
        raise InvalidInput("file", f"must be readable: {error}") from None
    with opened, decompressed(opened, str(file)) as content:
        yield content


@contextmanager
def standard_input_as_file(files: Sequence[str]) -> Iterator[list[str]]:
    """Yield paths of files, with a copy of standard input in the place of `-`. Raises InvalidInput for two of them."""
    if files.count(STANDARD_INPUT) > 1:
        raise InvalidInput("files", "may name standard input (-) once")
    if STANDARD_INPUT not in files:
        yield list(files)
        return
    with TemporaryDirectory(prefix="nextword-") as folder:
        copy = Path(folder, "stdin")
        with copy.open("wb") as target:
            shutil.copyfileobj(sys.stdin.buffer, target)
        yield [str(copy) if name == STANDARD_INPUT else name for name in files]
