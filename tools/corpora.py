"""Placement of the shipped models' training texts, checked against the hashes in their cards.

`python -m tools.corpora FOLDER` looks for each text by name under FOLDER and copies what matches into corpora/, where
the recipes expect it; without FOLDER it lists what is there and what is missing. No package index serves these texts,
so nothing is fetched: where each can be found is told instead.
"""

from __future__ import annotations

import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import click

from models.checkpoint.card import CARD_FILE, Card, FileDigest
from models.checkpoint.repository import list_checkpoints

CHECKPOINTS = Path("checkpoints")
RECIPES = Path("benchmarks/recipes")
CORPORA = Path("corpora")
SOURCES = {
    "gutenberg": "a book of the collection `gutenberg` of NLTK's data, once cut into sentences and tokens",
    "tinyshakespeare": "data/tinyshakespeare/input.txt of Andrej Karpathy's repository char-rnn",
    "sentence-polarity": "sentence polarity dataset v1.0 of Bo Pang and Lillian Lee, in UTF-8",
    "masc": "the Manually Annotated Sub-Corpus of the American National Corpus, edited genres, a sentence a line",
    "babi": "stories of the generator of the bAbI tasks (Weston et al. 2015), a file a task",
    "glove": "GloVe 6B of Pennington, Socher and Manning (2014), vectors of 50 numbers as an array beside its words",
}
"""Where the texts of each folder of corpora/ can be had by hand."""
NOT_PLACED = """\
Not placed by this command, for benchmarks only:
  corpora/ptb         Penn Treebank: under copyright, to be licensed from the Linguistic Data Consortium
  corpora/wikitext-2  WikiText-2: published by its authors (Merity et al. 2016), CC BY-SA 3.0"""
State = Literal["there", "placed", "differs", "missing"]


@click.command()
@click.argument("folder", required=False, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--any", "accept_any", is_flag=True, help="Place texts that differ from those of the shipped models, too."
)
def main(folder: Path | None, accept_any: bool) -> None:
    """Place the texts of the shipped models from FOLDER into corpora/."""
    candidates = _files_by_name(folder) if folder else {}
    states: list[State] = []
    for target, digest in sorted(wanted_texts().items()):
        state = place(target, digest, candidates.get(target.name, []), accept_any=accept_any)
        states.append(state)
        click.echo(f"{state:<8} {target}{_remark(state, target)}")
    click.echo(NOT_PLACED)
    if not {"differs", "missing"}.isdisjoint(states):
        raise SystemExit(1)


def wanted_texts() -> dict[Path, FileDigest]:
    """Return every file that a recipe names, with the digest in the card of the model that it made.

    A file that lies beside the recipes comes with the project; for one of a model that is not shipped there is none.
    """
    digests: dict[str, FileDigest] = {}
    for ref in list_checkpoints(CHECKPOINTS):
        digests |= Card.read(ref.path / CARD_FILE).provenance.corpus
    paths = (path for recipe in RECIPES.glob("*.toml") for path in _texts_of(recipe))
    return {path: digests[path.name] for path in paths if path.name in digests and not path.is_relative_to(RECIPES)}


def _texts_of(recipe: Path) -> Iterator[Path]:
    fields: dict[str, Any] = tomllib.loads(recipe.read_text(encoding="utf-8"))
    yield from map(Path, fields.get("files", []))
    for field in ("validation", "vector_words", "initialize_from"):
        if "/" in fields.get(field, ""):  # not the name of a published model
            yield Path(fields[field])


def place(target: Path, digest: FileDigest, candidates: list[Path], *, accept_any: bool) -> State:
    """Copy the candidate with the bytes of `digest` to `target`, unless it is there; return the outcome.

    With `accept_any` a candidate with other bytes is copied as well, where none is right.
    """
    if target.is_file() and FileDigest.of(target) == digest:
        return "there"
    matching = [path for path in candidates if FileDigest.of(path) == digest]
    chosen = matching or (candidates if accept_any else [])
    if not chosen:
        return "differs" if candidates or target.is_file() else "missing"
    if not target.is_file() or not target.samefile(chosen[0]):
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(chosen[0], target)
    return "placed" if matching else "differs"


def _files_by_name(folder: Path) -> dict[str, list[Path]]:
    files: dict[str, list[Path]] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            files.setdefault(path.name, []).append(path)
    return files


def _remark(state: State, target: Path) -> str:
    source = SOURCES.get(target.parent.name, "unknown")
    if state == "missing":
        return f": {source}"
    if state == "differs":
        return f": another text than the shipped models were trained on ({source})"
    return ""


if __name__ == "__main__":
    main()
