"""Plan of a count: its order, ranges of first words and shards, on which all later steps agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from models.checkpoint.card import FileDigest
from models.errors import InvalidInput
from models.ngram.config import MAX_ORDER
from models.recipes.map_reduce.census import Census, Reading
from models.recipes.map_reduce.work_folder import WorkFolder, altered, read_document, write_document
from models.special_tokens import EOS, UNK
from models.tokenization.tokenizer import Tokenizer
from models.tokenization.trainer import build_vocabulary

_FORMAT = 1
MAX_PARTS = 10_000
"""Most parts that the words are divided into."""


@dataclass(frozen=True)
class Shard:
    """A shard of the text: its path when its census was taken, and its digest."""

    path: str
    digest: FileDigest

    @property
    def name(self) -> str:
        """Name of its files in the work folder."""
        return Path(self.path).name


@dataclass(frozen=True)
class Plan:
    """Agreement of all steps; `id`, the hash of its file, is kept in every file that is made by it."""

    id: str
    order: int
    cuts: tuple[int, ...]
    """[parts + 1] the first word of each part, and the size of the vocabulary."""
    tokenizer_digest: FileDigest
    reading: Reading
    shards: tuple[Shard, ...]

    @property
    def vocabulary_size(self) -> int:
        """Number of words."""
        return self.cuts[-1]

    @property
    def part_count(self) -> int:
        """Number of parts."""
        return len(self.cuts) - 1

    def check_parts(self, parts: int) -> None:
        """Raise InvalidInput for another number of parts than there are."""
        if parts != self.part_count:
            raise InvalidInput("part", f"must be of {self.part_count}, as the plan is, not of {parts}")

    def words(self, part: int) -> range:
        """Return the first words of a part, numbered from 1. Raises InvalidInput for a part that there is not."""
        if not 1 <= part <= self.part_count:
            raise InvalidInput("part", f"must be from 1 to {self.part_count}")
        return range(*self.cuts[part - 1 : part + 1])

    def shard(self, path: Path, digest: FileDigest) -> Shard:
        """Return the shard at a path. Raises InvalidInput where the plan has none of that name and content."""
        shard = next((shard for shard in self.shards if shard.name == path.name), None)
        if shard is None:
            raise InvalidInput("shard", f"must be in the plan, and {path} is not: take its census and freeze again")
        if shard.digest != digest:
            raise InvalidInput("shard", f"must be as it was, and {path} was altered after its census")
        return shard

    @classmethod
    def read(cls, work: WorkFolder) -> Plan:
        """Read the plan of a folder. Raises InvalidInput, naming the file, for one that is missing or altered."""
        content, sha256 = read_document(work.plan, "run `nextword counts freeze`")
        try:
            shards = tuple(Shard(str(s["path"]), FileDigest(**s["digest"])) for s in content["shards"])
            cuts, order, digest = tuple(content["cuts"]), content["order"], FileDigest(**content["tokenizer"])
            whole = all(type(number) is int for number in (order, *cuts))
            if content["format"] != _FORMAT or not whole or not shards or not 1 <= order <= MAX_ORDER:
                raise altered(work.plan)
            names = {shard.name for shard in shards}
            if len(names) < len(shards) or any(not name or name.startswith(".") for name in names):
                raise altered(work.plan)
            if not 2 <= len(cuts) <= MAX_PARTS + 1 or cuts[0] != 0 or any(b < a for a, b in pairwise(cuts)):
                raise altered(work.plan)
            return cls(sha256, order, cuts, digest, Reading.from_document(content["reading"]), shards)
        except (KeyError, TypeError, ValueError):
            raise altered(work.plan) from None

    def read_tokenizer(self, work: WorkFolder) -> Tokenizer:
        """Load the frozen tokenizer. Raises InvalidInput where its file is not that of the plan."""
        try:
            if FileDigest.of(work.tokenizer) != self.tokenizer_digest:
                raise altered(work.tokenizer)
        except OSError as error:
            raise InvalidInput("work", f"{work.tokenizer} cannot be read ({error.strerror})") from None
        return Tokenizer.load(work.tokenizer)


def freeze(work: WorkFolder, order: int, parts: int) -> Plan:
    """Make one vocabulary of all censuses, and the plan of counting to `order` in so many parts.

    The tokenizer is that of one process which reads all shards. Raises InvalidInput where censuses differ in settings,
    and TrainingFailed where no token is left.
    """
    if not 1 <= order <= MAX_ORDER:
        raise InvalidInput("order", f"must be a whole number from 1 to {MAX_ORDER}")
    if not 1 <= parts <= MAX_PARTS:
        raise InvalidInput("parts", f"must be from 1 to {MAX_PARTS:,}")
    counts: Counter[str] = Counter()
    first: Census | None = None
    lines, shards = 0, []
    for path in work.censuses():
        census = Census.read(path)
        first = first or census
        for field in ("reading", "marks"):
            if getattr(census, field) != getattr(first, field):
                raise InvalidInput("census", f"must be of one {field}, and {path} differs from that of {first.shard}")
        counts.update(census.counts)
        lines += census.lines
        shards.append({"path": census.path, "digest": asdict(census.digest)})
    if first is None:
        raise InvalidInput("work", f"{work.root / 'census'} holds no census: run `nextword counts census` first")
    reading = first.reading
    tokenizer = _tokenizer(reading, counts)
    tokenizer.save(work.tokenizer)
    document: dict[str, Any] = {"format": _FORMAT, "order": order, "shards": shards, "reading": reading.document()}
    document["cuts"] = balanced_cuts(_occurrences(tokenizer, counts, lines), parts)
    document["tokenizer"] = asdict(FileDigest.of(work.tokenizer))
    write_document(document, work.plan)
    return Plan.read(work)


def _tokenizer(reading: Reading, counts: Counter[str]) -> Tokenizer:
    if reading.tokenizer.file:
        return Tokenizer.train(reading.tokenizer, ())
    return Tokenizer(reading.tokenizer, build_vocabulary(reading.tokenizer, counts))


def _occurrences(tokenizer: Tokenizer, counts: Counter[str], lines: int) -> list[int]:
    """Return how often each word [V] is the first of an n-gram: `</s>` begins each line."""
    occurrences = [counts[token] for token in tokenizer.vocabulary]
    occurrences[EOS] = lines
    occurrences[UNK] = max(0, counts.total() - sum(occurrences[EOS + 1 :]))
    return occurrences


def balanced_cuts(occurrences: Sequence[int], parts: int) -> list[int]:
    """Cut words, which begin so many n-grams each, into `parts` ranges of about equal numbers of n-grams.

    A common word is not divided, so that a range may be longer than others, or empty.

    >>> balanced_cuts([1, 1, 6, 2, 2], 3)
    [0, 2, 3, 5]
    """
    ends = np.cumsum(occurrences)
    targets = np.linspace(0, ends[-1], parts + 1)[1:-1]
    # Of the two borders of the word in which a target falls, the nearer one.
    above = np.searchsorted(ends, targets)
    below = np.where(above > 0, ends[np.maximum(above - 1, 0)], 0)
    nearer = np.where(targets - below <= ends[above] - targets, above, above + 1)
    return [0, *nearer.tolist(), len(occurrences)]
