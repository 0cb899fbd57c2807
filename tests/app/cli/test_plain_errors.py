"""Errors of the command line, as click and the system raise them."""

import click
import pytest

from app.cli.plain_errors import describe
from models.errors import InvalidInput


@click.command()
@click.option("--count", "-c", type=click.IntRange(1))
@click.option("--share", type=click.FloatRange(0, 1, min_open=True, max_open=True))
@click.option("--size", type=click.IntRange(2, 9))
@click.option("--kind", type=click.Choice(["rnn", "lstm"]))
@click.option("--sure", type=bool)
@click.argument("files", type=click.Path(exists=True), required=False)
def command(**_: object) -> None:
    """Do nothing."""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-c", "x"], "--count: must be a whole number, not 'x'"),
        (["--count", "0"], "--count: must be 1 or more, not 0"),
        (["--share", "x"], "--share: must be a number, not 'x'"),
        (["--share", "1"], "--share: must be above 0 and below 1, not 1.0"),
        (["--size", "10"], "--size: must be 2 to 9, not 10"),
        (["--kind", "brnn"], "--kind: must be one of 'rnn', 'lstm', not 'brnn'"),
        (["--sure", "perhaps"], "--sure: must be true or false, not 'perhaps'"),
        (["nowhere.txt"], "FILES: Path 'nowhere.txt' does not exist."),
    ],
)
def test_describe_says_what_an_option_accepts(arguments: list[str], message: str) -> None:
    with pytest.raises(click.ClickException) as caught:
        command.make_context("command", arguments)
    assert describe(caught.value) == message


def test_describe_of_other_errors_has_no_number_of_the_systems() -> None:
    assert describe(FileNotFoundError(2, "No such file or directory", "a.txt")) == "a.txt: No such file or directory"
    assert describe(OSError(28, "No space left on device")) == "No space left on device"
    assert describe(InvalidInput("order", "must be 1 to 32")) == "order: must be 1 to 32"
    assert describe(MemoryError()) == "not enough memory"
