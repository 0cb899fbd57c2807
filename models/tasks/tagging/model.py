"""A recurrent tagger: an encoder, a linear layer over the tags, and scores of pairs of tags."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Self

import numpy as np

from models.model import Capability, Floats
from models.neural.encoder.model import RecurrentEncoder
from models.neural.int8.encoder import Int8Encoder
from models.tasks.card_names import read_names
from models.tasks.encoder_model import EncoderModel
from models.tasks.tagging.chain import Chain, ComputedSteps
from models.tasks.tagging.config import TaggerConfig
from models.tasks.tagging.decoding import nothing, tag_chain, tag_independently
from models.tasks.tagging.tagger import Tagger, Tagging
from models.tasks.text import Alphabet, TaskText
from models.utils.arrays import BoolArray, Float64Array


class RecurrentTagger(EncoderModel, Tagger):
    """A tagger that reads the whole sentence with a recurrent encoder."""

    kind = "tagger"
    capabilities: frozenset[Capability] = frozenset({"tag", "embed"})

    def __init__(
        self,
        settings: TaggerConfig,
        tags: Sequence[str],
        encoder: RecurrentEncoder,
        head: Mapping[str, Floats],
        alphabet: Alphabet | None = None,
    ) -> None:
        """Hold an encoder and the arrays of a head, `tagger_head_shapes`."""
        super().__init__(encoder, head, alphabet)
        self.settings, self.tags = settings, tuple(tags)
        self._weight, self._bias = self._head["weight"].T, self._head["bias"]
        self._chained = settings.crf or settings.constrained
        self._start, self._steps, self._end = self._chain_scores()
        self._state_tags = np.arange(len(tags))

    @property
    def token_cost(self) -> int:
        """Number of tokens read in the time that one's tags take; few where tags stand for themselves."""
        return super().token_cost if self._chained else 1 + len(self.tags) // 25

    def tag_in_steps(self, texts: Sequence[TaskText]) -> Generator[int, None, list[Tagging]]:
        """Tag texts in short steps, as `Tagger` says."""
        vectors, lengths = self.vectors(texts)
        taggings = []
        for rows, length in zip(vectors, lengths, strict=True):
            tagging = yield from self._tag_text(rows[:length])
            taggings.append(tagging)
        return taggings

    def _tag_text(self, vectors: Floats) -> Generator[int, None, Tagging]:
        """Tag the sentence whose vectors are [T, D]; computed alone, so that its company makes no difference."""
        if not len(vectors):
            return nothing(self.tags)
        scores = (vectors @ self._weight + self._bias).astype(np.float64)
        scores -= np.logaddexp.reduce(scores, 1, keepdims=True)
        if not self._chained:
            return tag_independently(scores, self.tags)
        scores[0] += self._start
        scores[-1] += self._end
        steps = ComputedSteps(len(scores) - 1, lambda k: self._steps + scores[k + 1])
        return (yield from tag_chain(Chain(scores[0], steps), [self._state_tags] * len(scores), self.tags))

    def _chain_scores(self) -> tuple[Float64Array, Float64Array, Float64Array]:
        """Return scores of the first tag [K], of each tag after each [K, K], and of the last tag [K]."""
        size = len(self.tags)
        start, steps, end = np.zeros(size), np.zeros((size, size)), np.zeros(size)
        if self.settings.crf:
            start, steps, end = (self._head[name].astype(np.float64) for name in ("start", "transitions", "end"))
        if self.settings.constrained:
            first, following = allowed_tags(self.tags)
            start, steps = np.where(first, start, -np.inf), np.where(following, steps, -np.inf)
        return start, steps, end

    @classmethod
    def head_shapes(cls, config: dict[str, Any], encoder: RecurrentEncoder) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the head's arrays by name, as `EncoderModel` says."""
        settings = TaggerConfig(**config["tagger"])
        tags = read_names(config, "tags", at_least=2, at_most=settings.max_tags)
        return tagger_head_shapes(settings, len(tags), encoder.vector_size)

    @classmethod
    def build(
        cls, config: dict[str, Any], encoder: RecurrentEncoder, head: Mapping[str, Floats], alphabet: Alphabet | None
    ) -> Self:
        """Build the model of checked arrays, as `EncoderModel` says."""
        return cls(TaggerConfig(**config["tagger"]), config["tags"], encoder, head, alphabet)

    def task_config(self) -> dict[str, Any]:
        """Return the task's part of the configuration, as `EncoderModel` says."""
        return {"tagger": asdict(self.settings), "tags": list(self.tags)}


class Int8Tagger(RecurrentTagger):
    """A recurrent tagger whose encoder computes in bytes."""

    encoder_class = Int8Encoder


def tagger_head_shapes(settings: TaggerConfig, tags: int, vector_size: int) -> dict[str, tuple[int, ...]]:
    """Return the shapes of a tagger's head, by name."""
    chain = {"transitions": (tags, tags), "start": (tags,), "end": (tags,)} if settings.crf else {}
    return {"weight": (tags, vector_size), "bias": (tags,), **chain}


def allowed_tags(tags: Sequence[str]) -> tuple[BoolArray, BoolArray]:
    """Return which BIO tags may come first [K], and which after each tag [K, K].

    `I-x` may stand after `B-x` or `I-x` alone.

    >>> first, following = allowed_tags(["B-PER", "I-PER", "O"])
    >>> first.tolist()
    [True, False, True]
    >>> following.tolist()
    [[True, True, True], [True, True, True], [True, False, True]]
    """
    first = np.array([not tag.startswith("I-") for tag in tags])
    kinds = [tag[2:] if tag.startswith(("B-", "I-")) else None for tag in tags]
    same = np.array([[kind is not None and kind == before for kind in kinds] for before in kinds])
    return first, first | same
