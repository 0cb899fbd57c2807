"""Opening a checkpoint: its card, its tokenizer and its model, or the reason why they cannot be trusted.

It knows the files of a checkpoint, when they count as damaged, and that a composite is made of others. It does not
know how a family lays out its tensors, nor which checkpoint a user means (`catalogue`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from safetensors import SafetensorError

from models.checkpoint.card import CARD_FILE, Card
from models.checkpoint.families import FAMILIES
from models.checkpoint.hash_cache import VerifiedHashes
from models.checkpoint.members import find_member
from models.composite.base import Composite
from models.errors import CheckpointDamaged, InvalidInput
from models.language_model import LanguageModel
from models.tokenization.tokenizer import Tokenizer
from models.utils.tensor_file import map_tensors

TOKENIZER_FILE = "tokenizer.json"
WEIGHTS_FILE = "weights.safetensors"

Families = Mapping[str, type[LanguageModel]]


@dataclass(frozen=True)
class Checkpoint:
    """A model ready to use, with what makes it usable on text and what is known about it."""

    card: Card
    tokenizer: Tokenizer
    model: LanguageModel
    path: Path


FindLoaded = Callable[[str], Checkpoint | None]
"""The checkpoint `name@version` where it is in memory already."""


def load(
    path: Path,
    *,
    verify: bool = True,
    verified_hashes: VerifiedHashes | None = None,
    families: Families = FAMILIES,
    library: Path | None = None,
    find_loaded: FindLoaded = lambda _: None,
) -> Checkpoint:
    """Open the checkpoint in the directory `path`; its weights are mapped into memory, not read.

    `verify` checks every file's hash, unless `ledger` remembers having done so; without it only sizes are compared.
    A composite's members are those that are `opened`, or are opened here, from `library` (without one, the root that
    the checkpoint lies under). Raises CheckpointDamaged, naming the file or the member, when anything is missing,
    altered, foreign or from a newer program.
    """
    card = Card.read(_own_file(path, CARD_FILE))
    library = library or path.absolute().parent.parent
    if card.members:
        again = partial(
            load,
            verify=verify,
            verified_hashes=verified_hashes,
            families=families,
            library=library,
            find_loaded=find_loaded,
        )
        parts = {m.model: place for m in card.members for place in [find_member(library, m)]}
        return _composite(
            path, card, families, {name: find_loaded(name) or again(place) for name, place in parts.items()}
        )
    for name in (TOKENIZER_FILE, WEIGHTS_FILE):
        _check(_own_file(path, name), card, (verified_hashes or VerifiedHashes()) if verify else None)
    tokenizer = _tokenizer(path / TOKENIZER_FILE, card)
    return Checkpoint(card, tokenizer, _model(path, card, families), path)


def shared_tokenizer(tokenizers: Iterable[tuple[str, Tokenizer]]) -> Tokenizer:
    """Return the tokenizer that all members have; takes pairs of a member's name and its tokenizer.

    Raises InvalidInput naming the first member with another.
    """
    (first, tokenizer), *others = tokenizers
    for name, other in others:
        if not tokenizer.is_equivalent_to(other):
            raise InvalidInput("members", f"must share a tokenizer, and that of {name} is not that of {first}")
    return tokenizer


def _own_file(path: Path, name: str) -> Path:
    """The file `name` of the checkpoint, which must be there and not elsewhere by way of a link."""
    file = path / name
    if not file.is_file():
        raise CheckpointDamaged(f"{file}: missing or not a file")
    if file.resolve().parent != path.resolve():
        raise CheckpointDamaged(f"{file}: a link that leads out of the checkpoint")
    return file


def _check(file: Path, card: Card, ledger: VerifiedHashes | None) -> None:
    facts = card.files.get(file.name)
    if facts is None:
        raise CheckpointDamaged(f"{file.with_name(CARD_FILE)}: does not list {file.name}")
    if ledger is not None:
        ledger.verify(file, facts)
    elif file.stat().st_size != facts.size:
        raise CheckpointDamaged(f"{file}: not {facts.size} bytes: truncated or altered")


def _tokenizer(file: Path, card: Card) -> Tokenizer:
    tokenizer = Tokenizer.load(file)
    if tokenizer.vocabulary_size != card.vocabulary_size:
        raise CheckpointDamaged(
            f"{file}: {tokenizer.vocabulary_size} tokens instead of the card's {card.vocabulary_size}"
        )
    return tokenizer


def _composite(path: Path, card: Card, families: Families, parts: Mapping[str, Checkpoint]) -> Checkpoint:
    """The checkpoint that is made of `parts`, by name@version."""
    family = _family(path, card, families)
    if not issubclass(family, Composite):
        raise CheckpointDamaged(f"{path / CARD_FILE}: a {card.kind} model has no members")
    try:
        tokenizer = shared_tokenizer((name, part.tokenizer) for name, part in parts.items())
        model = family.from_members(card.config, [parts[member.model].model for member in card.members])
    except (InvalidInput, KeyError, TypeError, ValueError) as error:
        raise _unfit(path, card, error) from error
    return Checkpoint(card, tokenizer, model, path)


def _model(path: Path, card: Card, families: Families) -> LanguageModel:
    weights = path / WEIGHTS_FILE
    family = _family(path, card, families)
    try:
        return family.from_tensors(card.config, map_tensors(weights), card.vocabulary_size)
    except (CheckpointDamaged, SafetensorError) as error:
        raise CheckpointDamaged(f"{weights}: does not fit the config in {CARD_FILE}: {error}") from error
    except (InvalidInput, KeyError, TypeError, ValueError) as error:
        raise _unfit(path, card, error) from error


def _family(path: Path, card: Card, families: Families) -> type[LanguageModel]:
    family = families.get(card.kind)
    if family is None:
        known = ", ".join(sorted(families))
        raise CheckpointDamaged(f"{path / CARD_FILE}: unknown kind {card.kind!r}; known: {known}")
    return family


def _unfit(path: Path, card: Card, error: Exception) -> CheckpointDamaged:
    return CheckpointDamaged(f"{path / CARD_FILE}: field config is not that of a {card.kind} model ({error})")
