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
from typing import Any

from models.checkpoint.card_fields import (
    MAX_FILE_BYTES,
    MAX_VOCABULARY,
    Fields,
    created_of,
    file_name,
    kind_of,
    member_of,
    parse_object,
    read_object,
    sha256_of,
    texts,
    to_timestamp,
    typed,
    whole,
)
from models.errors import CheckpointDamaged, InvalidInput
from models.utils.regular_files import open_regular

FORMAT_VERSION = 1
"""Version of the layout that this program writes, and the newest that it reads."""
CARD_FILE = "card.json"
MAX_MEMBERS = 1000
"""Most models that one is made of."""
_READ_BYTES = 1 << 20


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
    def created_at(self) -> int:
        """When the model was made, in seconds since 1970."""
        return to_timestamp(self.created)

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
            return _parse_card(read_object(path))
        except (OSError, ValueError, RecursionError) as error:
            raise CheckpointDamaged(f"{path}: {error}") from error

    @classmethod
    def parse(cls, content: bytes) -> Card:
        """Return the card in some bytes. Raises CheckpointDamaged, naming the field, when it is not one."""
        try:
            return _parse_card(parse_object(content))
        except (ValueError, RecursionError) as error:
            raise CheckpointDamaged(f"card: {error}") from error


def to_jsonable(value: object) -> Any:
    """Return `value` with paths as strings and tuples as lists, inside dictionaries too."""
    if isinstance(value, dict):
        return {key: to_jsonable(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [to_jsonable(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def _parse_card(fields: Fields) -> Card:
    """Build a card of checked fields. Raises ValueError naming the first that does not fit."""
    # The version comes first: a newer layout may have other fields, and its reader should hear that, not of a field.
    if whole(fields, "format", 1) > FORMAT_VERSION:
        raise ValueError(f"format {fields['format']} is newer than this program, which reads up to {FORMAT_VERSION}")
    return Card(
        format=fields["format"],
        kind=kind_of(fields),
        config=typed(fields, "config", dict),
        vocabulary_size=whole(fields, "vocabulary_size", 1, MAX_VOCABULARY),
        parameters=whole(fields, "parameters", 0),
        tokenizer=typed(fields, "tokenizer", dict),
        provenance=_parse_provenance(typed(fields, "provenance", dict)),
        versions=texts(fields, "versions"),
        created=created_of(fields),
        files={file_name(name): digest for name, digest in _parse_digests(fields, "files").items()},
        members=_parse_members(fields) if "members" in fields else (),
        normalized=typed(fields, "normalized", bool) if "normalized" in fields else True,
    )


def _parse_provenance(fields: Fields) -> Provenance:
    return Provenance(
        command=typed(fields, "command", str),
        licence=typed(fields, "licence", str),
        corpus=_parse_digests(fields, "corpus"),
        recipe=typed(fields, "recipe", dict),
        metrics=typed(fields, "metrics", dict),
        job=typed(fields, "job", str) if fields.get("job") is not None else None,
    )


def _parse_members(fields: Fields) -> tuple[PinnedMember, ...]:
    """Return the members that a card lists."""
    members = typed(fields, "members", list)
    if not all(isinstance(member, dict) for member in members) or len(members) > MAX_MEMBERS:
        raise ValueError(f"field members is not a list of at most {MAX_MEMBERS} objects")
    return tuple(PinnedMember(member_of(member), sha256_of(member)) for member in members)


def _parse_digests(fields: Fields, name: str) -> dict[str, FileDigest]:
    """Return the digests by file name that the field holds."""
    digests = {}
    for file, digest in typed(fields, name, dict).items():
        if not isinstance(digest, dict):
            raise ValueError(f"field {name}.{file:.100} is not an object")
        digests[file] = FileDigest(sha256_of(digest), whole(digest, "size", 0, MAX_FILE_BYTES))
    return digests
