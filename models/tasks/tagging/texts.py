"""Tagged sentences as taggers are made of them: `TaggedTexts`; and whether they have a tag a token."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.data.labelled.examples import TaggedSentence
from models.errors import InvalidInput
from models.tasks.text import TaskText
from models.tokenization.tokenizer import Tokenizer
from models.utils.arrays import Int64Array


@dataclass(frozen=True)
class TaggedTexts:
    """Tokenized sentences, and a tag for each token."""

    texts: Sequence[TaskText]
    tags: Sequence[tuple[str, ...]]
    """[T] of each sentence."""

    @classmethod
    def of(cls, examples: Sequence[TaggedSentence], tokenizer: Tokenizer) -> TaggedTexts:
        """Look up the words of examples."""
        texts = [TaskText.of_forms(tokenizer, example.tokens) for example in examples]
        return cls(texts, [example.tags for example in examples])

    def numbers(self, tags: Sequence[str]) -> list[Int64Array]:
        """Return the number of each token's tag in `tags`, [T] of each sentence."""
        columns = {tag: i for i, tag in enumerate(tags)}
        return [np.array([columns[tag] for tag in row], np.int64) for row in self.tags]

    def cut(self, tokens: int) -> TaggedTexts:
        """Return the sentences with their first `tokens` tokens."""
        texts = [TaskText(text.ids[:tokens], text.forms[:tokens]) for text in self.texts]
        return TaggedTexts(texts, [tags[:tokens] for tags in self.tags])

    def fingerprint(self) -> str:
        """Return a digest of words and tags."""
        digest = hashlib.sha256(str(len(self.texts)).encode())
        for text, tags in zip(self.texts, self.tags, strict=True):
            digest.update(text.ids.tobytes() + "\0".join(text.forms + tags).encode())
        return digest.hexdigest()


def check_counts(field: str, examples: Sequence[TaggedSentence]) -> None:
    """Raise InvalidInput for the first example that is empty, or has not as many tags as tokens.

    `field` names the examples, as the user does.
    """
    for example in examples:
        if len(example.tokens) != len(example.tags) or not example.tokens:
            counts = f"there are {len(example.tokens)} tokens and {len(example.tags)} tags"
            raise InvalidInput(field, f"line {example.line}: one tag a token is accepted; {counts}")
