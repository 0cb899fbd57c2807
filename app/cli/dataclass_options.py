"""Command-line options of frozen dataclasses: one per field, its type and help read from the class.

`dataclass_options` adds them to a command; `given_options` picks those that the user gave. A field that several classes
have is one option. In a `SectionedCommand` each class can have a section of the help of its own.
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
HelpRecord = tuple[str, str]
"""An option as it is written, and what it means."""
MAIN_SECTION = "Options"
_SECTIONS = "__sections__"
"""Attribute of a command's function: the titles of its sections, in order."""


class DataclassOption(click.Option):
    """An option of a field, with a help text for each section that has it."""

    def __init__(self, declarations: list[str], *, section: str, **attributes: Any) -> None:
        super().__init__(declarations, **attributes)
        self.texts: dict[str, str] = {section: attributes["help"]}

    def merge(self, earlier: DataclassOption) -> None:
        """Take on meanings and choices of an earlier class's option, whose type must be the same otherwise."""
        self.texts = earlier.texts | self.texts
        self.help = earlier.help
        if isinstance(self.type, click.Choice) and isinstance(earlier.type, click.Choice):
            self.type = click.Choice(tuple(dict.fromkeys((*earlier.type.choices, *self.type.choices))))
        assert type(self.type) is type(earlier.type), f"--{self.name} has two types"


class SectionedCommand(click.Command):
    """A command whose help shows its options in sections."""

    def sections(self, context: click.Context) -> dict[str, list[HelpRecord]]:
        """Return the options of each section; one that means the same in two is in the first alone."""
        titles = (MAIN_SECTION, *getattr(self.callback, _SECTIONS, ()))
        sections: dict[str, list[HelpRecord]] = {title: [] for title in titles}
        for option in self.get_params(context):
            record = option.get_help_record(context) if isinstance(option, click.Option) else None
            if record is None:
                continue
            texts = option.texts if isinstance(option, DataclassOption) else {MAIN_SECTION: record[1]}
            for text, section in {text: section for section, text in reversed(texts.items())}.items():
                sections[section].append((record[0], text))
        return {title: records for title, records in sections.items() if records}

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, section by section."""
        for title, records in self.sections(ctx).items():
            with formatter.section(title):
                formatter.write_dl(records)


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


def dataclass_options(
    kind: type[Any], skip: Iterable[str] = (), note: str = "", section: str = MAIN_SECTION
) -> Callable[[Command], Command]:
    """Return a decorator that adds an option per field of the dataclass `kind`.

    An option that is not given is None, so that a recipe file can set it; the help shows `note` and the default.
    """
    hints, docs, skipped = get_type_hints(kind), attribute_docs(kind), set(skip)

    def decorate(command: Command) -> Command:
        command.__dict__.setdefault(_SECTIONS, []).insert(0, section)
        for field in reversed(fields(kind)):
            if field.name not in skipped:
                _add(command, _field_option(field, hints[field.name], note + docs.get(field.name, ""), section))
        return command

    return decorate


def given_options(kind: type[Any], values: dict[str, Any]) -> dict[str, Any]:
    """Pick the parsed `values` that are fields of `kind` and were given; paths become text."""
    options = {field.name: values[field.name] for field in fields(kind) if values.get(field.name) not in (None, ())}
    return {name: str(value) if isinstance(value, Path) else value for name, value in options.items()}


def _add(command: Callable[..., Any], option: DataclassOption) -> None:
    """Add an option above those that a command has, merged with one of that name.

    Decorators run from the last to the first: what is there already belongs to a later class.
    """
    options: list[click.Parameter] = command.__dict__.setdefault("__click_params__", [])
    for i, later in enumerate(options):
        if later.name == option.name and isinstance(later, DataclassOption):
            later.merge(option)
            options.append(options.pop(i))
            return
    options.append(option)


def _field_option(field: Field[Any], annotation: Any, text: str, section: str) -> DataclassOption:
    name = field.name.replace("_", "-")
    if field.default not in (MISSING, None, ()):
        text = f"{text} [default: {_default_text(field.default)}]"
    if annotation is bool:
        flags = [f"--{name}/--no-{name}", field.name]
        return DataclassOption(flags, section=section, default=None, help=text)
    item = _item_type(annotation)
    if item is str or get_origin(item) is Literal:
        flags, help_text = [f"--{name}", field.name], f"{text} May be given several times."
        return DataclassOption(flags, section=section, multiple=True, type=_click_type(item), help=help_text)
    return DataclassOption([f"--{name}", field.name], section=section, type=_click_type(annotation), help=text)


def _default_text(default: object) -> str:
    return str(default).lower() if isinstance(default, bool) else str(default)


def _item_type(annotation: Any) -> Any:
    """Return the type of the items of a tuple, None for what is no tuple."""
    return get_args(annotation)[0] if get_origin(annotation) is tuple else None


def _click_type(annotation: Any) -> Any:
    if get_origin(annotation) in (Union, UnionType):
        annotation = next(part for part in get_args(annotation) if part is not NoneType)
    if get_origin(annotation) is Literal:
        return click.Choice(get_args(annotation))
    return NumberList(get_args(annotation)[0]) if get_origin(annotation) is tuple else annotation
