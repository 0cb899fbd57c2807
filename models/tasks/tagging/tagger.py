"""The interface of all taggers: sentences in, a tag and probabilities for each token out."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np

from models.errors import InvalidInput
from models.evaluation.spans import Span
from models.model import Capability, Floats, Model
from models.tasks.text import TaskText
from models.utils.arrays import Int64Array
from models.utils.progress import run_to_completion


@dataclass(frozen=True)
class Tagging:
    """Tags of one sentence, as numbers of `Tagger.tags`."""

    path: Int64Array
    """[T] the most probable sequence of tags."""
    probabilities: Floats
    """[T, K] probability of each tag at each token, whatever the other tokens have; each row sums to one."""
    spans: tuple[tuple[Span, float], ...] = ()
    """Spans that `path` marks, if the tags are BIO, each with the probability that exactly this span is there."""


class Tagger(Model):
    """A model that gives each token of a sentence a tag."""

    capabilities: frozenset[Capability] = frozenset({"tag"})
    tags: tuple[str, ...]
    """K tags in the order of the columns of `Tagging.probabilities`."""

    @property
    def token_cost(self) -> int:
        """Number of tokens that an encoder reads in the time that the tags of one token take, about.

        A chain steps from every tag to every other: with 45 tags a token takes 0.2 ms and with 300 5 ms, where an
        encoder reads one in 8 us (BiLSTM of 100 units, one thread).
        """
        return 1 + len(self.tags) ** 2 // 100

    @abstractmethod
    def tag_in_steps(self, texts: Sequence[TaskText]) -> Generator[int, None, list[Tagging]]:
        """Tag sentences, which may be empty; what one gets does not depend on its company.

        Yields 0 in long ones, so that other work can run.
        """

    def tag(self, texts: Sequence[TaskText]) -> list[Tagging]:
        """Tag sentences as `tag_in_steps` does, at once."""
        return run_to_completion(self.tag_in_steps(texts))

    def check(self) -> None:
        """Raise InvalidInput unless the probabilities of a made-up sentence are finite, and sum to one."""
        ids = np.linspace(0, self.vocabulary_size - 1, 4).astype(np.int64)
        for tagging in self.tag([TaskText(ids, ("x",) * 4), TaskText(ids[:1], ("Xing",))]):
            if not np.isfinite(tagging.probabilities).all():
                raise InvalidInput("model", "its probabilities of tags are not finite")
            if not np.allclose(tagging.probabilities.sum(1), 1, atol=1e-3):
                raise InvalidInput("model", "its probabilities of tags do not sum to one")
