"""The interface of all classifiers, networks and baselines: texts in, log-probabilities of labels out."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import numpy as np

from models.errors import InvalidInput
from models.model import Capability, Floats, Model
from models.special_tokens import EOS, EOS_TOKEN
from models.tasks.text import TaskText


class TextClassifier(Model):
    """A model that gives each text the probabilities of its labels."""

    capabilities: frozenset[Capability] = frozenset({"classify"})
    labels: tuple[str, ...]
    """L labels in the order of the columns of `logprobs`."""
    multi_label: bool = False
    """Whether the labels of a text are independent of each other, so that its probabilities need not sum to one."""

    @abstractmethod
    def logprobs(self, texts: Sequence[TaskText]) -> Floats:
        """Return log-probabilities [B, L] of the labels in nats; a text's do not depend on its company."""

    def check(self) -> None:
        """Raise InvalidInput unless the probabilities of made-up texts are finite, and sum to one."""
        ids = np.linspace(0, self.vocabulary_size - 1, 4).astype(np.int64)
        texts = [TaskText(np.array([EOS]), (EOS_TOKEN,)), TaskText(ids, ("x",) * 4)]
        probabilities = np.exp(self.logprobs(texts), dtype=np.float64)
        if not np.isfinite(probabilities).all():
            raise InvalidInput("model", "its probabilities of labels are not finite")
        if not self.multi_label and not np.allclose(probabilities.sum(1), 1, atol=1e-3):
            raise InvalidInput("model", "its probabilities of labels do not sum to one")
