"""Rebuilding of the shipped models by the commands in their cards, compared with what is published.

`python -m tools.checkpoints FOLDER [NAME...]` runs each command anew into FOLDER, models that others are made of first,
and tells for each whether the numbers are the same, or else how far its figures are from those in the card. The texts
must be in corpora/ (`make corpora`).
"""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from models.checkpoint.card import CARD_FILE, Card
from models.checkpoint.repository import CheckpointRef, list_checkpoints

CHECKPOINTS = Path("checkpoints")
TOLERANCE = 0.02
"""Largest relative difference of a figure that still counts as alike: other processors round otherwise, and a training
carries that further."""
_OWN_OPTIONS = ("--checkpoints", "--workdir", "--quiet", "--json")
"""Options of a card's command that say where and how it ran, and not what it made."""


@dataclass(frozen=True)
class Comparison:
    """A rebuilt model beside the published one."""

    model: str
    same_files: bool
    """Whether weights and counts are the same, bit for bit."""
    differences: Mapping[str, float]
    """Relative difference of each figure on held-out text, by name."""

    @property
    def verdict(self) -> str:
        """Return `identical`, `alike`, or `DIFFERS`, with the figure that differs most."""
        if self.same_files:
            return "identical"
        if not self.differences:
            return "DIFFERS: other numbers, and no figure on held-out text to compare"
        name, difference = max(self.differences.items(), key=lambda item: item[1])
        word = "alike" if difference <= TOLERANCE else "DIFFERS"
        return f"{word}: other numbers; {name} differs most, by {difference:.2%}"


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.argument("names", nargs=-1)
def main(folder: Path, names: tuple[str, ...]) -> None:
    """Rebuild the shipped models, or those of NAMES, in FOLDER, and compare them with the published ones."""
    failed = False
    for ref in in_order(list_checkpoints(CHECKPOINTS)):
        if names and ref.name not in names:
            continue
        verdict = rebuild(ref, folder)
        failed |= verdict.startswith(("DIFFERS", "failed"))
        click.echo(f"{ref.id:<28} {verdict}")
    sys.exit(failed)


def in_order(refs: Sequence[CheckpointRef]) -> list[CheckpointRef]:
    """Return the models so that each comes after those that it is made of."""
    ordered: list[CheckpointRef] = []

    def add(ref: CheckpointRef) -> None:
        for other in refs:
            if other not in ordered and other.id in origins(ref):
                add(other)
        if ref not in ordered:
            ordered.append(ref)

    for ref in refs:
        add(ref)
    return ordered


def origins(ref: CheckpointRef) -> set[str]:
    """Return the published models that a model is made of, as name@version."""
    card = _card(ref.path)
    named = {card.provenance.recipe.get(field) for field in ("extends", "initialize_from")}
    return {member.model for member in card.members} | {name for name in named if isinstance(name, str)}


def rebuild(ref: CheckpointRef, folder: Path) -> str:
    """Run the command in a model's card, unless that was done, and return how the outcome compares."""
    rebuilt = folder / ref.name / str(ref.version)
    for origin in origins(ref):
        _provide(CHECKPOINTS / origin.replace("@", "/"), folder / origin.replace("@", "/"))
    if rebuilt.is_symlink():  # the published one, provided for a model that is made of it
        rebuilt.unlink()
    if not rebuilt.exists():
        command = own_command(_card(ref.path).provenance.command, folder)
        run = subprocess.run([sys.executable, "-m", "app.cli.main", *command], stdout=subprocess.DEVNULL, check=False)
        if run.returncode or not rebuilt.exists():
            return f"failed: nextword {shlex.join(command)}"
    return compare(ref, rebuilt).verdict


def own_command(command: str, folder: Path) -> list[str]:
    """Return the arguments of a card's command that make the same model in another folder.

    >>> own_command("nextword train --recipe a.toml --workdir w --quiet --threads 1", Path("out"))
    ['train', '--recipe', 'a.toml', '--threads', '1', '--quiet', '--checkpoints', 'out']
    """
    kept: list[str] = []
    words = iter(shlex.split(command)[1:])
    for word in words:
        if word in ("--checkpoints", "--workdir"):
            next(words)
        elif word not in _OWN_OPTIONS:
            kept.append(word)
    return [*kept, "--quiet", "--checkpoints", str(folder)]


def compare(ref: CheckpointRef, rebuilt: Path) -> Comparison:
    """Compare a rebuilt model with the published one."""
    published, other = _card(ref.path), _card(rebuilt)
    # A composite has no files of its own: its weights are in the config.
    same = published.files == other.files if published.files else published.config == other.config
    theirs = dict(_numbers(other.provenance.metrics.get("validation", {})))
    differences = {
        name: abs(theirs[name] - number) / max(abs(number), 1e-9)
        for name, number in _numbers(published.provenance.metrics.get("validation", {}))
        if name in theirs
    }
    return Comparison(ref.id, same, differences)


def _numbers(figures: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    """Yield the numbers of nested figures; lists, as of single classes, are left out."""
    for name, value in figures.items():
        if isinstance(value, dict):
            yield from _numbers(value, f"{prefix}{name}.")
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            yield f"{prefix}{name}", float(value)


def _provide(published: Path, target: Path) -> None:
    """Link a published model that another is made of, where it was not rebuilt itself."""
    if not target.exists() and published.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(published.resolve())


def _card(path: Path) -> Card:
    return Card.read(path / CARD_FILE)


if __name__ == "__main__":
    main()
