"""Texts that a command asks about: its arguments, or the lines of a file or of standard input."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from app.cli.text_input import LineStream, encoding_option, open_text
from models.errors import InvalidInput

Command = TypeVar("Command", bound=Callable[..., Any])


def text_arguments(command: Command) -> Command:
    """Add the arguments that `read_texts` needs: TEXT..., --file and --encoding."""
    file_option = click.option(
        "--file",
        type=click.Path(dir_okay=False, path_type=Path, allow_dash=True),
        help="Read the texts there, one a line; - is standard input. [default: standard input, without a TEXT]",
    )
    return click.argument("texts", nargs=-1, metavar="[TEXT]...")(file_option(encoding_option(command)))


def read_texts(texts: Sequence[str], file: Path | None, encoding: str) -> Iterator[list[str]]:
    """Yield the texts in batches: the arguments, or lines as they arrive.

    Raises InvalidInput for both, and InvalidText, once all lines are read, where some were not in the encoding.
    """
    if texts and file is not None:
        raise InvalidInput("file", "is for texts that are not given as arguments")
    if texts:
        yield list(texts)
        return
    with open_text(file) as stream:
        for lines in LineStream(stream, encoding).batches():
            if good := [line.text for line in lines if line.error is None]:
                yield good
