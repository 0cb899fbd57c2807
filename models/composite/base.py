"""The base class of language models that are made of others: a mixture of several, a cache over one."""

from __future__ import annotations

from collections.abc import Sequence

from models.errors import InvalidInput
from models.evaluation.metrics import Unit
from models.language_model import LanguageModel
from models.model import CompositeModel


def check_dynamic(model: LanguageModel, unit: Unit) -> None:
    """Raise InvalidInput unless dynamic evaluation can train `model`, on a text read as a whole."""
    if unit != "document":
        raise InvalidInput("unit", 'must be "document" in dynamic evaluation, which learns from one line for the next')
    if not model.can_learn:
        raise InvalidInput("dynamic", f"there is nothing in this {model.kind} model that could learn from a text")


class Composite(CompositeModel, LanguageModel):
    """A language model over the tokens of its members; chunks of long work suit the slowest one."""

    def __init__(self, members: Sequence[LanguageModel]) -> None:
        """Raises InvalidInput where the vocabularies differ in size, or there are no members."""
        if len({member.vocabulary_size for member in members}) != 1:
            raise InvalidInput("members", "must be models that share a tokenizer, one at least")
        self.members: tuple[LanguageModel, ...] = tuple(members)
        self.vocabulary_size = members[0].vocabulary_size
        self.adaptive = any(member.adaptive for member in members)
        self.can_learn = any(member.can_learn for member in members)
        self.precision = min((member.precision for member in members), key=("int8", "float32").index)
        self.runs_inline = all(member.runs_inline for member in members)
        self.chunk_tokens = min(member.chunk_tokens for member in members)
