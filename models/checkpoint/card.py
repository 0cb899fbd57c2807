"""Card of a checkpoint, `card.json`: its files, the origin of the model, and its metrics.

`Card` is read and written here; `FileDigest` identifies a file, `Provenance` is what the maker of a model adds.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar, cast

from models.errors import CheckpointDamaged, InvalidInput
from models.utils.regular_files import open_regular, read_regular

FORMAT_VERSION = 1
"""Version of the layout that this program writes, and the newest that it reads."""
CARD_FILE = "card.json"
_MAX_CARD_BYTES = 16 << 20
_READ_BYTES = 1 << 20

_Fields = dict[str, Any]
"""A JSON object, not checked yet."""
_Value = TypeVar("_Value")


@dataclass(frozen=True)
class FileDigest:
    """Hash and size of a file, which tell it from every other."""

    sha256: str
    """Of its bytes, as 64 lower-case hexadecimal digits."""
    size: int
    """In bytes."""

    @classmethod
    def of(cls, path: Path) -> FileDigest:
        """Compute the digest of a regular file, reading it once from end to end. Raises OSError."""
        digest, size = hashlib.sha256(), 0
        with open_regular(path, _READ_BYTES) as file:
            most = os.fstat(file.fileno()).st_size + _READ_BYTES
            while size <= most and (block := file.read(_READ_BYTES)):
                digest.update(block)
                size += len(block)
        if size > most:
            raise OSError(errno.EFBIG, "grows without end", str(path))
        return cls(digest.hexdigest(), size)


@dataclass(frozen=True)
class PinnedMember:
    """A published model that a composite is made of, pinned by the hash of its card."""

    model: str
    """`name@version`, under the same root."""
    sha256: str
    """Of its card.json, which holds the hashes of its other files."""


@dataclass(frozen=True)
class Provenance:
    """Origin of a model, as its maker tells it; all fields must fit JSON."""

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
    """Card of a checkpoint: all that is known of it but name and version, which say where it lies."""

    format: int
    """Version of the layout; a reader refuses one that is newer than itself."""
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
    normalized: bool = True
    """Whether each distribution of the model sums to one, as all do but those of some imported tables."""

    @property
    def reads_backward(self) -> bool:
        """Whether the model learned from text that was reversed."""
        return bool(self.provenance.recipe.get("reversed", False))

    def write(self, path: Path) -> None:
        """Write the card as JSON. Raises InvalidInput when a field does not fit JSON (a NaN, an object)."""
        try:
            data = json.dumps(asdict(self), indent=2, ensure_ascii=False, allow_nan=False).encode() + b"\n"
        except (TypeError, ValueError) as error:
            message = f"a card holds finite numbers, text, lists and objects only ({error})"
            raise InvalidInput("provenance", message) from error
        path.write_bytes(data)

    @classmethod
    def read(cls, path: Path) -> Card:
        """Read a card. Raises CheckpointDamaged, naming the file and the field, when it is not one."""
        try:
            return _parse_card(_read_object(path))
        except (OSError, ValueError, RecursionError) as error:
            raise CheckpointDamaged(f"{path}: {error}") from error


def to_jsonable(value: object) -> Any:
    """Return `value` with paths as strings and tuples as lists, inside dictionaries too."""
    if isinstance(value, dict):
        return {key: to_jsonable(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [to_jsonable(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def _read_object(path: Path) -> _Fields:
    """Read a JSON object from a file. Raises ValueError for anything else."""
    parsed = json.loads(read_regular(path, _MAX_CARD_BYTES))
    if not isinstance(parsed, dict):
        raise ValueError("not a JSON object")
    return parsed


def _parse_card(fields: _Fields) -> Card:
    """Build a card of checked fields. Raises ValueError naming the first that does not fit."""
    # The version comes first: a newer layout may have other fields, and its reader should hear that, not of a field.
    if _typed(fields, "format", int) > FORMAT_VERSION:
        raise ValueError(f"format {fields['format']} is newer than this program, which reads up to {FORMAT_VERSION}")
    provenance = _typed(fields, "provenance", dict)
    return Card(
        format=fields["format"],
        kind=_typed(fields, "kind", str),
        config=_typed(fields, "config", dict),
        vocabulary_size=_typed(fields, "vocabulary_size", int),
        parameters=_typed(fields, "parameters", int),
        tokenizer=_typed(fields, "tokenizer", dict),
        provenance=Provenance(
            command=_typed(provenance, "command", str),
            licence=_typed(provenance, "licence", str),
            corpus=_parse_digests(provenance, "corpus"),
            recipe=_typed(provenance, "recipe", dict),
            metrics=_typed(provenance, "metrics", dict),
            job=_typed(provenance, "job", str) if provenance.get("job") is not None else None,
        ),
        versions=_typed(fields, "versions", dict),
        created=_typed(fields, "created", str),
        files=_parse_digests(fields, "files"),
        members=_parse_members(fields) if "members" in fields else (),
        normalized=_typed(fields, "normalized", bool) if "normalized" in fields else True,
    )


def _parse_members(fields: _Fields) -> tuple[PinnedMember, ...]:
    """Return the members that a card lists."""
    members = _typed(fields, "members", list)
    if not all(isinstance(member, dict) for member in members):
        raise ValueError("field members is not a list of objects")
    return tuple(PinnedMember(_typed(member, "model", str), _typed(member, "sha256", str)) for member in members)


def _parse_digests(fields: _Fields, name: str) -> dict[str, FileDigest]:
    """Return the digests by file name that the field holds."""
    digests = {}
    for file, digest in _typed(fields, name, dict).items():
        if not isinstance(digest, dict):
            raise ValueError(f"field {name}.{file} is not an object")
        digests[file] = FileDigest(_typed(digest, "sha256", str), _typed(digest, "size", int))
    return digests


def _typed(fields: _Fields, name: str, kind: type[_Value]) -> _Value:
    """Return a field of exactly this type; True is no int. Raises ValueError otherwise."""
    if type(fields.get(name)) is not kind:
        raise ValueError(f"field {name} is missing or not of type {kind.__name__}")
    return cast("_Value", fields[name])
