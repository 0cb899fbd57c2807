"""The base class of models that are made of other models: a mixture of several, a cache over one.

A composite holds its members and no arrays of its own; its checkpoint names the published models that it is made of.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, Self

from models.errors import CheckpointDamaged, InvalidInput
from models.evaluation.metrics import Unit
from models.language_model import LanguageModel
from models.model import Tensors


def check_dynamic(model: LanguageModel, unit: Unit) -> None:
    """Raise InvalidInput unless dynamic evaluation can train `model`, on a text read as a whole."""
    if unit != "document":
        raise InvalidInput("unit", 'must be "document" in dynamic evaluation, which learns from one line for the next')
    if not model.can_learn:
        raise InvalidInput("dynamic", f"there is nothing in this {model.kind} model that could learn from a text")


class Composite(LanguageModel):
    """A language model over the tokens of its members; chunks of long work suit the slowest one."""

    def __init__(self, members: Sequence[LanguageModel]) -> None:
        """Raises InvalidInput where the vocabularies differ in size, or there are no members."""
        if len({member.vocabulary_size for member in members}) != 1:
            raise InvalidInput("members", "must be models that share a tokenizer, one at least")
        self.members = tuple(members)
        self.vocabulary_size = members[0].vocabulary_size
        self.adaptive = any(member.adaptive for member in members)
        self.can_learn = any(member.can_learn for member in members)
        self.precision = min((member.precision for member in members), key=("int8", "float32").index)
        self.runs_inline = all(member.runs_inline for member in members)
        self.chunk_tokens = min(member.chunk_tokens for member in members)

    def warm_up(self) -> None:
        """Warm up every member."""
        for member in self.members:
            member.warm_up()

    @property
    def parameter_count(self) -> int:
        """The numbers of all members together."""
        return sum(member.parameter_count for member in self.members)

    def tensors(self) -> Tensors:
        """Return nothing: the numbers are those of the members."""
        return {}

    @classmethod
    def from_tensors(cls, config: dict[str, Any], tensors: Tensors, vocabulary_size: int) -> Self:
        """Raise CheckpointDamaged: a composite is built by `from_members`."""
        del config, tensors, vocabulary_size
        raise CheckpointDamaged("made of other models, and none are named")

    @classmethod
    @abstractmethod
    def from_members(cls, config: dict[str, Any], members: Sequence[LanguageModel]) -> Self:
        """Build the model that `config` makes of `members`. Raises InvalidInput, TypeError or ValueError."""
