"""Options of several dataclasses in one command: shared ones merged, each class in a section of the help."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import click
import pytest
from click.testing import CliRunner

from app.cli.dataclass_options import SectionedCommand, dataclass_options, given_options


@dataclass(frozen=True)
class Bread:
    """First class."""

    grain: Literal["wheat", "rye"] = "wheat"
    """What it is made of."""
    minutes: int = 40
    """How long it bakes."""


@dataclass(frozen=True)
class Cake:
    """Second class."""

    grain: Literal["wheat", "oats"] = "wheat"
    """What it is made of."""
    minutes: int = 30
    """How long it bakes."""
    layers: tuple[str, ...] = ()
    """Names of the layers."""


@click.command(cls=SectionedCommand)
@dataclass_options(Bread, section="Bread")
@click.option("--quiet", is_flag=True, help="No word.")
@dataclass_options(Cake, section="Cake")
def bake(**values: Any) -> None:
    """Bake."""
    click.echo(repr((given_options(Bread, values), given_options(Cake, values))))


def test_given_options_picks_the_fields_of_each_class() -> None:
    done = CliRunner().invoke(bake, ["--minutes", "5", "--layers", "a", "--layers", "b"])
    assert done.output.strip() == repr(({"minutes": 5}, {"minutes": 5, "layers": ("a", "b")}))
    assert CliRunner().invoke(bake, []).output.strip() == "({}, {})"


@pytest.mark.parametrize("grain", ["wheat", "rye", "oats"])
def test_shared_option_takes_the_choices_of_both(grain: str) -> None:
    assert CliRunner().invoke(bake, ["--grain", grain]).exit_code == 0
    assert CliRunner().invoke(bake, ["--grain", "maize"]).exit_code == 2


def test_help_shows_each_class_in_its_section_and_equal_texts_once() -> None:
    _, _, text = CliRunner().invoke(bake, ["--help"]).output.partition("Options:")
    options, _, rest = text.partition("Bread:")
    bread, _, cake = rest.partition("Cake:")
    assert "--quiet" in options
    assert "--grain [wheat|rye|oats]" in bread
    assert "--grain" not in cake
    assert "[default: 40]" in bread
    assert "[default: 30]" in cake
    assert "--layers" in cake
