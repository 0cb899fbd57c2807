"""The card of a checkpoint: what its files are, what they came from and how good the model is, as `card.json`.

It knows fields, their types and their JSON; it does not know where checkpoints live, nor how a model is built from
its card.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from models.errors import CheckpointDamaged, InvalidInput

FORMAT_VERSION = 1
"""The version of the layout that this program writes, and the newest that it reads."""

CARD_FILE = "card.json"
_LARGEST_CARD = 16 << 20
_READ_SIZE = 1 << 20


@dataclass(frozen=True)
class FileDigest:
    """What tells one file from every other."""

    sha256: str
    """Of its bytes, as 64 lower-case hexadecimal digits."""
    size: int
    """In bytes."""

    @classmethod
    def of(cls, path: Path) -> FileDigest:
        """The facts of a file on disk, read once from end to end."""
        digest, size = hashlib.sha256(), 0
        with path.open("rb") as file:
            while piece := file.read(_READ_SIZE):
                digest.update(piece)
                size += len(piece)
        return cls(digest.hexdigest(), size)


@dataclass(frozen=True)
class PinnedMember:
    """A published model that this one is made of."""

    model: str
    """`name@version`, under the same root."""
    sha256: str
    """Of its card.json, which holds the hashes of its other files."""


@dataclass(frozen=True)
class Provenance:
    """What the maker of a model knows about it and the model itself does not. All of it must fit JSON."""

    command: str
    """The exact command that makes this model again."""
    licence: str
    """The licence of the training text."""
    corpus: dict[str, FileDigest] = field(default_factory=dict)
    """The text files it was trained on, by name."""
    recipe: dict[str, Any] = field(default_factory=dict)
    """Every setting of the training."""
    metrics: dict[str, Any] = field(default_factory=dict)
    """What was measured: perplexities with their unit and text, throughput."""
    job: str | None = None
    """The id of the job that made it, where one did."""


@dataclass(frozen=True)
class Card:
    """Everything known about a checkpoint. Its name and version are where it lies, not what it is."""

    format: int
    """Version of the layout: a reader refuses what is newer than itself."""
    kind: str
    """The model's family."""
    config: dict[str, Any]
    """What the family needs, beside the weights, to build the model."""
    vocabulary_size: int
    """Tokens, `<unk>` and `</s>` included."""
    parameters: int
    """How many numbers the model holds."""
    tokenizer: dict[str, Any]
    """The tokenizer's settings."""
    provenance: Provenance
    """Where the model comes from and what was measured."""
    versions: dict[str, str]
    """Of the software that made it."""
    created: str
    """When, UTC, ISO 8601."""
    files: dict[str, FileDigest]
    """The other files of the checkpoint, by name."""
    members: tuple[PinnedMember, ...] = ()
    """The models it is made of; it then has no other files: its tokenizer is theirs, and its numbers are."""

    def write(self, path: Path) -> None:
        """Write the card as JSON; raises InvalidInput when a field is not JSON (a NaN, an object)."""
        try:
            data = json.dumps(asdict(self), indent=2, ensure_ascii=False, allow_nan=False).encode() + b"\n"
        except (TypeError, ValueError) as error:
            raise InvalidInput(
                "provenance", f"a card holds finite numbers, text, lists and objects only ({error})"
            ) from error
        path.write_bytes(data)

    @classmethod
    def read(cls, path: Path) -> Card:
        """Read a card; raises CheckpointDamaged, naming the file and the field, when it is not one."""
        try:
            return _card(_json_object(path))
        except (OSError, ValueError, RecursionError) as error:
            raise CheckpointDamaged(f"{path}: {error}") from error


def to_jsonable(value: Any) -> Any:
    """The same with paths and tuples as JSON has them."""
    if isinstance(value, dict):
        return {key: to_jsonable(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [to_jsonable(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def _json_object(path: Path) -> dict[str, Any]:
    if path.stat().st_size > _LARGEST_CARD:
        raise ValueError(f"larger than {_LARGEST_CARD} bytes, so not a card")
    found = json.loads(path.read_bytes())
    if not isinstance(found, dict):
        raise ValueError("not a JSON object")
    return found


def _card(found: dict[str, Any]) -> Card:
    # The version comes first: a newer layout may have other fields, and its reader should hear that, not of a field.
    if _typed(found, "format", int) > FORMAT_VERSION:
        raise ValueError(f"format {found['format']} is newer than this program, which reads up to {FORMAT_VERSION}")
    origin = _typed(found, "provenance", dict)
    provenance = Provenance(
        command=_typed(origin, "command", str),
        licence=_typed(origin, "licence", str),
        corpus=_facts(origin, "corpus"),
        recipe=_typed(origin, "recipe", dict),
        metrics=_typed(origin, "metrics", dict),
        job=_typed(origin, "job", str) if origin.get("job") is not None else None,
    )
    return Card(
        format=found["format"],
        kind=_typed(found, "kind", str),
        config=_typed(found, "config", dict),
        vocabulary_size=_typed(found, "vocabulary_size", int),
        parameters=_typed(found, "parameters", int),
        tokenizer=_typed(found, "tokenizer", dict),
        provenance=provenance,
        versions=_typed(found, "versions", dict),
        created=_typed(found, "created", str),
        files=_facts(found, "files"),
        members=_members(found) if "members" in found else (),
    )


def _members(found: dict[str, Any]) -> tuple[PinnedMember, ...]:
    listed = _typed(found, "members", list)
    if not all(isinstance(entry, dict) for entry in listed):
        raise ValueError("field members is not a list of objects")
    return tuple(PinnedMember(_typed(entry, "model", str), _typed(entry, "sha256", str)) for entry in listed)


def _typed(found: dict[str, Any], name: str, kind: type) -> Any:
    if type(found.get(name)) is not kind:
        raise ValueError(f"field {name} is missing or not of type {kind.__name__}")
    return found[name]


def _facts(found: dict[str, Any], name: str) -> dict[str, FileDigest]:
    facts = {}
    for file, entry in _typed(found, name, dict).items():
        if not isinstance(entry, dict):
            raise ValueError(f"field {name}.{file} is not an object")
        facts[file] = FileDigest(_typed(entry, "sha256", str), _typed(entry, "size", int))
    return facts
