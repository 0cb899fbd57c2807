"""Command-line options of frozen dataclasses: one per field, its type and help read from the class.

`dataclass_options` adds them to a command; `given_options` picks those that the user gave.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import MISSING, Field, fields
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import click

from app.core.attribute_docs import attribute_docs

Command = TypeVar("Command", bound=Callable[..., Any])


class NumberList(click.ParamType[list[Any]]):
    """Parameter type of numbers separated by commas."""

    name = "numbers"

    def __init__(self, number: type[int] | type[float]) -> None:
        self._number = number

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[Any]:
        """Convert `"0,0,1"` to [0, 0, 1]."""
        if isinstance(value, list):
            return value
        try:
            return [self._number(part) for part in value.split(",")]
        except ValueError:
            kind = "whole numbers" if self._number is int else "numbers"
            self.fail(f"{value!r} is not {kind} separated by commas", param, ctx)


def dataclass_options(kind: type[Any], skip: Iterable[str] = (), note: str = "") -> Callable[[Command], Command]:
    """Return a decorator that adds an option per field of the dataclass `kind`.

    An option that is not given is None, so that a recipe file can set it; the help shows `note` and the default.
    """
    hints, docs, skipped = get_type_hints(kind), attribute_docs(kind), set(skip)

    def decorate(command: Command) -> Command:
        for field in reversed(fields(kind)):
            if field.name not in skipped:
                command = _field_option(field, hints[field.name], note + docs.get(field.name, ""))(command)
        return command

    return decorate


def given_options(kind: type[Any], values: dict[str, Any]) -> dict[str, Any]:
    """Pick the parsed `values` that are fields of `kind` and were given; paths become text."""
    options = {field.name: values[field.name] for field in fields(kind) if values.get(field.name) is not None}
    return {name: str(value) if isinstance(value, Path) else value for name, value in options.items()}


def _field_option(field: Field[Any], annotation: Any, text: str) -> Callable[[Command], Command]:
    name = field.name.replace("_", "-")
    if field.default not in (MISSING, None, ()):
        text = f"{text} [default: {_default_text(field.default)}]"
    if annotation is bool:
        return click.option(f"--{name}/--no-{name}", field.name, default=None, help=text)
    if annotation == tuple[str, ...]:
        return click.option(f"--{name}", field.name, multiple=True, help=f"{text} May be given several times.")
    return click.option(f"--{name}", field.name, type=_click_type(annotation), help=text)


def _default_text(default: object) -> str:
    return str(default).lower() if isinstance(default, bool) else str(default)


def _click_type(annotation: Any) -> Any:
    if get_origin(annotation) in (Union, UnionType):
        annotation = next(part for part in get_args(annotation) if part is not NoneType)
    if get_origin(annotation) is Literal:
        return click.Choice(get_args(annotation))
    return NumberList(get_args(annotation)[0]) if get_origin(annotation) is tuple else annotation
