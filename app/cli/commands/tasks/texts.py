"""Texts that a command asks about: its arguments, or the lines of a file or of standard input."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from io import BufferedReader
from pathlib import Path
from typing import Any, TypeVar, cast

import click

from app.cli.commands.score import read_line_batches
from models.errors import InvalidInput

Command = TypeVar("Command", bound=Callable[..., Any])


def text_arguments(command: Command) -> Command:
    """Add the arguments that `read_texts` needs: TEXT... and --file."""
    file_option = click.option(
        "--file",
        type=click.Path(dir_okay=False, path_type=Path, allow_dash=True),
        help="Read the texts there, one a line; - is standard input. [default: standard input, without a TEXT]",
    )
    return click.argument("texts", nargs=-1, metavar="[TEXT]...")(file_option(command))


def read_texts(texts: Sequence[str], file: Path | None) -> Iterator[list[str]]:
    """Yield the texts in batches: the arguments, or lines as they arrive. Raises InvalidInput for both."""
    if texts and file is not None:
        raise InvalidInput("file", "is for texts that are not given as arguments")
    if texts:
        yield list(texts)
    elif file is None or file == Path("-"):
        yield from _lines(cast(BufferedReader, sys.stdin.buffer))
    else:
        with file.open("rb") as stream:
            yield from _lines(stream)


def _lines(stream: BufferedReader) -> Iterator[list[str]]:
    """Yield batches of lines, without a byte order mark before the first."""
    mark = "\ufeff"
    for lines in read_line_batches(stream):
        lines[0] = lines[0].removeprefix(mark)
        yield lines
        mark = ""
