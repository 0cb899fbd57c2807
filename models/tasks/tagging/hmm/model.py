"""A hidden Markov model: tags depend on the tags before, and a word on its tag alone.

A known word has the tags that it had in training. An unknown one has those of words with its ending (`suffixes`), as in
TnT (Brants 2000). Serving needs NumPy alone.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import asdict
from itertools import pairwise
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from models.errors import CheckpointDamaged, InvalidInput
from models.model import Tensors
from models.tasks.card_names import read_names
from models.tasks.tagging.chain import Chain, ComputedSteps
from models.tasks.tagging.config import MAX_TAGS, HmmTaggerConfig
from models.tasks.tagging.decoding import nothing, tag_chain
from models.tasks.tagging.hmm.suffixes import SuffixTable
from models.tasks.tagging.hmm.tensors import check_hmm_tensors
from models.tasks.tagging.tagger import Tagger, Tagging
from models.tasks.text import TaskText
from models.utils.arrays import Float64Array, Int64Array


class HmmTagger(Tagger):
    """A hidden Markov model of tags and words.

    Tags have numbers from 0 to K - 1; K stands for the boundary, before the first tag and after the last.
    """

    kind = "hmm_tagger"
    chunk_tokens = 256

    def __init__(
        self, settings: HmmTaggerConfig, tags: Sequence[str], vocabulary_size: int, tensors: Mapping[str, NDArray[Any]]
    ) -> None:
        """Hold the numbers of a model, as `estimate_hmm` makes them. Raises CheckpointDamaged.

        Args:
            settings: What the model is estimated with.
            tags: Names of the K tags.
            vocabulary_size: V.
            tensors: `transitions` [K + 1, ...], log P of a tag after the one or two before; `word_begins` [V + 1],
                where the tags of each word begin in `word_tags` [N] and `word_scores` [N], log P(word | tag); and those
                of `SuffixTable`.
        """
        self.settings, self.tags, self.vocabulary_size = settings, tuple(tags), vocabulary_size
        check_hmm_tensors(settings, len(tags), vocabulary_size, tensors)
        self._tensors = dict(tensors)
        self._transitions = tensors["transitions"].astype(np.float64)
        self._begins, self._word_tags = tensors["word_begins"].tolist(), tensors["word_tags"].astype(np.int64)
        self._word_scores = tensors["word_scores"].astype(np.float64)
        self._suffixes = SuffixTable(tensors)

    def tag_in_steps(self, texts: Sequence[TaskText]) -> Generator[int, None, list[Tagging]]:
        """Tag texts in short steps, as `Tagger` says."""
        taggings = []
        for text in texts:
            tagging = yield from self._tag_text(text)
            taggings.append(tagging)
        return taggings

    def word_tags(self, token: int, form: str) -> tuple[Int64Array, Float64Array]:
        """Return the tags [S] that a word may have, and log P(word | tag) of each.

        For unknown words it is known up to a constant, which makes no difference. `form` tells the tags of a word that
        has none, as `<unk>`.
        """
        begin, end = self._begins[token], self._begins[token + 1]
        if begin == end:
            return self._suffixes.look_up(form)
        return self._word_tags[begin:end], self._word_scores[begin:end]

    def _tag_text(self, text: TaskText) -> Generator[int, None, Tagging]:
        if not len(text):
            return nothing(self.tags)
        words = [self.word_tags(token, form) for token, form in zip(text.ids.tolist(), text.forms, strict=True)]
        make_chain = self._chain_of_tags if self.settings.order == 2 else self._chain_of_pairs
        chain, states = make_chain([tags for tags, _ in words], [scores for _, scores in words])
        return (yield from tag_chain(chain, states, self.tags))

    def _chain_of_tags(self, tags: list[Int64Array], scores: list[Float64Array]) -> tuple[Chain, list[Int64Array]]:
        """Return the chain whose states are the tags of a word, and the tag of each state at each position."""
        boundary, table = len(self.tags), self._transitions
        scores = [*scores[:-1], scores[-1] + table[tags[-1], boundary]]

        def step(k: int) -> Float64Array:
            scored: Float64Array = table[np.ix_(tags[k], tags[k + 1])] + scores[k + 1]
            return scored

        return Chain(table[boundary, tags[0]] + scores[0], ComputedSteps(len(tags) - 1, step)), tags

    def _chain_of_pairs(self, tags: list[Int64Array], scores: list[Float64Array]) -> tuple[Chain, list[Int64Array]]:
        """Return the chain whose states are pairs: a tag of the word before and a tag of the word."""
        boundary, table = len(self.tags), self._transitions
        framed = [np.array([boundary]), *tags]
        end = table[np.ix_(framed[-2], framed[-1])][..., boundary]
        last = len(tags) - 1

        def step(k: int) -> Float64Array:
            scored: Float64Array = table[np.ix_(framed[k], framed[k + 1], framed[k + 2])] + scores[k + 1]
            return scored + end if k == last - 1 else scored

        start = (table[boundary, boundary, tags[0]] + scores[0])[None]
        states = [np.tile(b, len(a)) for a, b in pairwise(framed)]
        return Chain(start if last else start + end, ComputedSteps(last, step)), states

    def config(self) -> dict[str, Any]:
        """Return the settings and the names of the tags."""
        return {"hmm": asdict(self.settings), "tags": list(self.tags)}

    def tensors(self) -> Tensors:
        """Return the numbers of the model."""
        return dict(self._tensors)

    @classmethod
    def from_tensors(cls, config: dict[str, Any], tensors: Tensors, vocabulary_size: int) -> Self:
        """Build the model of a checkpoint's arrays, as `Model` says."""
        tags = read_names(config, "tags", at_least=2, at_most=MAX_TAGS)
        try:
            return cls(HmmTaggerConfig(**config["hmm"]), tags, vocabulary_size, tensors)
        except (InvalidInput, KeyError, TypeError) as error:
            raise CheckpointDamaged(f"config: {error}") from error
