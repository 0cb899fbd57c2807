"""Loading a checkpoint: its card, its tokenizer and its model, or CheckpointDamaged with the reason.

Every file is compared with its hash in the card before it is used. Weights are mapped into memory rather than read, so
that several processes share one copy of them. `PrivateCopies` map them from files that nobody else writes to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol, TypeAlias

from safetensors import SafetensorError

from models.checkpoint.card import CARD_FILE, Card, FileDigest
from models.checkpoint.counts_file import COUNTS_FILE, read_levels
from models.checkpoint.families import FAMILIES
from models.checkpoint.hash_cache import VerifiedHashes
from models.checkpoint.members import find_member
from models.errors import CheckpointDamaged, InvalidInput, UnsupportedByModel
from models.language_model import LanguageModel
from models.model import CompositeModel, FileModel, Model
from models.ngram.count_table import CountTable
from models.ngram.model import NgramModel
from models.tokenization.tokenizer import Tokenizer
from models.utils.files import map_tensors

TOKENIZER_FILE = "tokenizer.json"
WEIGHTS_FILE = "weights.safetensors"
UNFIT = (InvalidInput, ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""Errors that a config leads to which is not that of its family: nobody has checked what foreign objects hold."""

Families: TypeAlias = Mapping[str, type[Model]]
"""Classes of models by the kind in a card."""


class FileVerifier(Protocol):
    """Verification of a checkpoint's files: `VerifiedHashes`, or `PrivateCopies` of them."""

    def verify(self, file: Path, digest: FileDigest, /) -> Path:
        """Return the path from which to read `file`. Raises CheckpointDamaged unless it has this digest."""


@dataclass(frozen=True)
class Checkpoint:
    """A loaded model with its tokenizer and its card."""

    card: Card
    tokenizer: Tokenizer
    model: Model
    path: Path

    @property
    def language_model(self) -> LanguageModel:
        """The model as one of text as it is read. Raises UnsupportedByModel for any other."""
        if self.card.reads_backward:
            raise self.unsupported_error("read a text from left to right")
        return self._reading_model

    @property
    def predictor(self) -> LanguageModel:
        """The language model, with distributions of the next token. Raises UnsupportedByModel for any other."""
        return self._require_distributions(self.language_model)

    @property
    def member_model(self) -> LanguageModel:
        """The model as a member of others, of reversed text too. Raises UnsupportedByModel."""
        return self._require_distributions(self._reading_model)

    def _require_distributions(self, model: LanguageModel) -> LanguageModel:
        if model.scores_only:
            raise self.unsupported_error("tell the distribution of the next token, only the probability of a given one")
        return model

    @property
    def _reading_model(self) -> LanguageModel:
        """The model as one of text in either direction. Raises UnsupportedByModel."""
        if isinstance(self.model, LanguageModel):
            return self.model
        raise UnsupportedByModel(
            "model",
            f"a {self.model.kind} model reads a text as a whole: it needs what comes after a word, so there is no "
            f"probability of the next word given those before; {self._abilities}",
        )

    def unsupported_error(self, ability: str) -> UnsupportedByModel:
        """Return the error for an ability that the model lacks, such as a capability; it names those it has."""
        return UnsupportedByModel("model", f"a model of kind {self.model.kind} cannot {ability}; {self._abilities}")

    @property
    def _abilities(self) -> str:
        if self.card.reads_backward:
            return "it learned from reversed text, and is a member of other models only"
        return f"its capabilities are {', '.join(sorted(self.model.capabilities))}"


FindLoaded: TypeAlias = Callable[[str], Checkpoint | None]
"""Returns the checkpoint `name@version` if it is in memory already."""


def load(
    path: Path,
    *,
    verify: bool = True,
    verified_hashes: FileVerifier | None = None,
    families: Families = FAMILIES,
    library: Path | None = None,
    find_loaded: FindLoaded = lambda _: None,
    tokenizer: Tokenizer | None = None,
    tokenizers: MutableMapping[str, Tokenizer] | None = None,
) -> Checkpoint:
    """Load the checkpoint in the directory `path`.

    >>> checkpoint = load(Path("checkpoints/shakespeare-char/1"))
    >>> checkpoint.card.kind, checkpoint.tokenizer.config.kind
    ('lstm', 'character')

    Args:
        verify: Whether to compare every file's hash with the card's; otherwise only sizes are compared.
        verified_hashes: Remembers files that were verified before, which are not read again; may copy them.
        families: Classes of models by kind; `FAMILIES_BY_PRECISION["int8"]` computes recurrent models in int8.
        library: Root under which a composite's members lie; by default the root of the checkpoint itself.
        find_loaded: Looks up members that are in memory already, by name@version.
        tokenizer: The tokenizer of the checkpoint where it is in memory already; its file is not read.
        tokenizers: Tokenizers in memory by the hashes of their files, which models with equal files share; those that
            are read and verified join them.

    Raises CheckpointDamaged, naming file or member, when anything is missing, altered, foreign or of a newer program.
    """
    card = Card.read(own_file(path, CARD_FILE))
    library = library or path.absolute().parent.parent
    if card.members:
        load_member = partial(
            load,
            verify=verify,
            verified_hashes=verified_hashes,
            families=families,
            library=library,
            find_loaded=find_loaded,
            tokenizers=tokenizers,
        )
        paths = {member.model: find_member(library, member) for member in card.members}
        members = {name: find_loaded(name) or load_member(member_path) for name, member_path in paths.items()}
        return _composite(path, card, families, members)
    hashes = (verified_hashes or VerifiedHashes()) if verify else None
    weights = _weights_file(_family(path, card, families))
    sources = {name: _verified_file(path, name, card, hashes) for name in (TOKENIZER_FILE, weights)}
    tokenizers, digest = tokenizers if tokenizers is not None and verify else {}, card.files[TOKENIZER_FILE].sha256
    tokenizer = _tokenizer(sources[TOKENIZER_FILE], path, card, tokenizer or tokenizers.get(digest))
    tokenizers[digest] = tokenizer
    model = _model(sources[weights], path, card, families)
    if isinstance(model, NgramModel) and COUNTS_FILE in card.files and (path / COUNTS_FILE).exists():
        model.attach_counts(partial(_counts, path, card, hashes))
    if card.reads_backward:
        model.capabilities = frozenset()  # it is a member of others, and would misread a text given from left to right
    return Checkpoint(card, tokenizer, model, path)


def shared_tokenizer(tokenizers: Iterable[tuple[str, Tokenizer]]) -> Tokenizer:
    """Return the tokenizer of all (name, tokenizer) pairs. Raises InvalidInput naming one that differs."""
    (first, tokenizer), *others = tokenizers
    for name, other in others:
        if not tokenizer.is_equivalent_to(other):
            raise InvalidInput("members", f"must share a tokenizer, and that of {name} is not that of {first}")
    return tokenizer


def own_file(path: Path, name: str) -> Path:
    """Return the path of a checkpoint's file, which must be there and not a link that leads elsewhere."""
    file = path / name
    if not file.is_file():
        raise CheckpointDamaged(f"{file}: missing or not a file")
    if file.resolve().parent != path.resolve():
        raise CheckpointDamaged(f"{file}: a link that leads out of the checkpoint")
    return file


def _verified_file(path: Path, name: str, card: Card, verified_hashes: FileVerifier | None) -> Path:
    """Return where to read a checkpoint's file.

    Raises CheckpointDamaged unless it has the card's hash, or at least its size without hashes.
    """
    file, digest = own_file(path, name), card.files.get(name)
    if digest is None:
        raise CheckpointDamaged(f"{path / CARD_FILE}: does not list {name}")
    if verified_hashes is not None:
        return verified_hashes.verify(file, digest)
    if file.stat().st_size != digest.size:
        raise CheckpointDamaged(f"{file}: not {digest.size} bytes: truncated or altered")
    return file


def _tokenizer(file: Path, path: Path, card: Card, known: Tokenizer | None) -> Tokenizer:
    """Load a tokenizer that is not `known`. Raises CheckpointDamaged where its size is not the card's."""
    published = path / TOKENIZER_FILE
    try:
        tokenizer = known or Tokenizer.load(file)
    except CheckpointDamaged as error:
        raise CheckpointDamaged(_naming(published, file, error)) from error
    size, expected = tokenizer.vocabulary_size, card.vocabulary_size
    if size != expected:
        raise CheckpointDamaged(f"{published}: {size} tokens instead of the card's {expected}")
    return tokenizer


def _naming(published: Path, file: Path, error: Exception) -> str:
    """Return what an error says of `file`, with the name of the published file that it is a copy of."""
    return str(error).replace(str(file), str(published))


def _composite(path: Path, card: Card, families: Families, members: Mapping[str, Checkpoint]) -> Checkpoint:
    """Make the checkpoint of a composite from its members, by name@version."""
    family = _family(path, card, families)
    if not issubclass(family, CompositeModel):
        raise CheckpointDamaged(f"{path / CARD_FILE}: a {card.kind} model has no members")
    try:
        tokenizer = shared_tokenizer((name, member.tokenizer) for name, member in members.items())
        model = family.from_members(card.config, [members[member.model].member_model for member in card.members])
    except UNFIT as error:
        raise _unfit(path, card, error) from error
    return Checkpoint(card, tokenizer, model, path)


def _model(weights: Path, path: Path, card: Card, families: Families) -> Model:
    """Make the model of mapped weights. Raises CheckpointDamaged where they do not fit the card."""
    family = _family(path, card, families)
    published = path / _weights_file(family)
    try:
        if issubclass(family, FileModel):
            return family.from_file(card.config, weights, card.vocabulary_size)
        return family.from_tensors(card.config, map_tensors(weights), card.vocabulary_size)
    except (CheckpointDamaged, SafetensorError) as error:
        reason = _naming(published, weights, error)
        raise CheckpointDamaged(f"{published}: does not fit the config in {CARD_FILE}: {reason}") from error
    except UNFIT as error:
        raise _unfit(path, card, error) from error


def _weights_file(family: type[Model]) -> str:
    """Return the name of the file that holds the numbers of a family's models."""
    return family.file_name if issubclass(family, FileModel) else WEIGHTS_FILE


def _counts(path: Path, card: Card, verified_hashes: FileVerifier | None) -> CountTable:
    """Map the counts beside an n-gram model. Raises CheckpointDamaged where they were altered."""
    return CountTable(read_levels(_verified_file(path, COUNTS_FILE, card, verified_hashes), card.vocabulary_size))


def _family(path: Path, card: Card, families: Families) -> type[Model]:
    """Return the class of the card's kind. Raises CheckpointDamaged for an unknown kind."""
    family = families.get(card.kind)
    if family is None:
        known = ", ".join(sorted(families))
        raise CheckpointDamaged(f"{path / CARD_FILE}: unknown kind {card.kind!r}; known: {known}")
    return family


def _unfit(path: Path, card: Card, error: Exception) -> CheckpointDamaged:
    """Return the error for a config that the card's kind does not accept."""
    return CheckpointDamaged(f"{path / CARD_FILE}: field config is not that of a {card.kind} model ({error})")
