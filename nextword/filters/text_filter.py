"""Judgement of texts by published models, as `nextword select` has it: `TextFilter`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from models.errors import InvalidInput
from models.selection.build_measure import build_measure
from models.selection.config import SelectionConfig, SelectionModels
from models.selection.measures import Measure
from models.selection.rules import DROPPED, Rule, make_rule
from models.utils.progress import run_to_completion
from nextword.loading import ModelPath, load


@dataclass(frozen=True)
class JudgedText:
    """Scores of a text, and whether it is kept."""

    scores: dict[str, Any]
    """Figures by name; `bucket` where the rule has head, middle and tail; `error` where there are none."""
    is_kept: bool
    reason: str = ""
    """Why it is not kept: `error`, or the name of the rule."""


@dataclass(frozen=True)
class TextFilter:
    """A rule of which texts are kept, by the figures of published models.

    The models are loaded when they are first needed. The filter can be sent to other processes, each of which loads the
    models for itself; their memory is shared.

    >>> keep = TextFilter("gutenberg-kn", config={"max": 3.0})
    >>> [text.is_kept for text in keep.judge(["It was the best of times.", "jfk dls qpw zzx vbn"])]
    [True, False]
    """

    model: str
    """A language model, or a classifier, as `name` or `name@version`."""
    against: str | None = None
    """Another language model, to judge by the difference of the two."""
    routes: Mapping[str, str] = field(default_factory=dict)
    """Language model for each label of a classifier."""
    checkpoints: ModelPath | None = None
    """Folder of the published models; None as for `nextword.load`."""
    config: Mapping[str, Any] = field(default_factory=dict)
    """Fields of a selection (`nextword select --help`) by name, with a rule that needs no other text."""

    def __post_init__(self) -> None:
        """Raises InvalidInput for a configuration that is not accepted."""
        if self._rule is None:
            raise InvalidInput(self._config.rules[0], "needs the figures of all texts: use min, max or cutoffs")

    def judge(self, texts: Sequence[str]) -> list[JudgedText]:
        """Judge texts together, each by itself.

        Raises CheckpointNotFound, and InvalidInput for models that do not go with each other or the configuration.
        """
        figures = run_to_completion(self._measure.measure(texts))
        rule = self._rule
        assert rule is not None, "checked when it was made"
        places = rule.decide(figures.values, figures.groups, self._measure.labels).tolist()
        rows = [dict(zip(figures.columns, row, strict=True)) for row in zip(*figures.columns.values(), strict=True)]
        return [self._judged(rows[i], place, figures.errors.get(i), rule) for i, place in enumerate(places)]

    def judge_some(self, texts: Sequence[object]) -> list[JudgedText]:
        """Judge those that are texts, and find an error in what is none, as a field that a record lacks."""
        judged = iter(self.judge([text for text in texts if isinstance(text, str)]))
        return [next(judged) if isinstance(text, str) else self._failed("must be a text") for text in texts]

    @property
    def score_names(self) -> tuple[str, ...]:
        """Names that the scores of a kept text may have, in order; raises as `judge` does."""
        columns = run_to_completion(self._measure.measure([])).columns
        has_bucket, has_error = self._config.has_buckets, not self._config.has_rule
        return (*columns, *(["bucket"] if has_bucket else []), *(["error"] if has_error else []))

    def _failed(self, reason: str) -> JudgedText:
        """Return what becomes of a text that has no scores."""
        return JudgedText({"error": reason}, is_kept=not self._config.has_rule, reason="error")

    def _judged(self, scores: dict[str, Any], place: int, error: str | None, rule: Rule) -> JudgedText:
        if error is not None:
            return self._failed(error)
        if not self._config.has_rule:
            return JudgedText(scores, is_kept=True)
        if place == DROPPED:
            return JudgedText(scores, is_kept=False, reason=self._config.rules[0])
        return JudgedText(scores | ({"bucket": rule.names[place]} if rule.buckets else {}), is_kept=True)

    @cached_property
    def _config(self) -> SelectionConfig:
        return SelectionConfig(**self.config)

    @cached_property
    def _rule(self) -> Rule | None:
        return make_rule(self._config)

    @cached_property
    def _measure(self) -> Measure:
        models = SelectionModels(self.model, self.against, self.routes)
        return build_measure(models, self._config, lambda name: load(name, checkpoints=self.checkpoints))

    def __getstate__(self) -> dict[str, Any]:
        """Return the fields alone: models are loaded again where it is sent to."""
        return {name: value for name, value in vars(self).items() if not name.startswith("_")}
