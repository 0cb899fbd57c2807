"""Measures of texts: by a language model, the difference of two, a classifier, or a model a label.

Figures are those of `models.evaluation`, computed for thousands of texts at once.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeAlias

import numpy as np

from models.data.line_reader import EmptyLines
from models.errors import InvalidInput
from models.evaluation.metrics import Unit
from models.evaluation.text_batch import TextSums, sum_texts
from models.language_model import LanguageModel
from models.selection.config import FigureName, SelectionConfig
from models.tasks.classification.classifier import TextClassifier
from models.tasks.classification.predict import classify
from models.tokenization.tokenizer import Tokenizer
from models.utils.arrays import Float64Array, Int32Array

Columns: TypeAlias = dict[str, list[Any]]
LOG_2 = np.log(2)


@dataclass(frozen=True)
class Figures:
    """Figures of N texts.

    columns: [N] each, what is told of a text, by name; None where it has no such figure.
    values: [N] what a text is judged by; NaN for one that cannot be measured, infinity for one that is ruled out.
    groups: [N] position of its label among those of the measure, 0 where that has none.
    errors: why a text cannot be measured, by its position.
    """

    columns: Columns
    values: Float64Array
    groups: Int32Array
    errors: Mapping[int, str] = field(default_factory=dict)
    token_count: int = 0


class Measure(ABC):
    """Something that gives each text a figure; a text's does not depend on its company."""

    labels: tuple[str, ...] = ("",)
    """Labels of the groups whose figures do not compare with those of others."""
    is_parallel: bool = False
    """Whether threads may measure blocks side by side."""

    @abstractmethod
    def measure(self, texts: Sequence[str]) -> Generator[int, None, Figures]:
        """Measure texts; yields the number of tokens of each chunk that is done."""


class LanguageModelMeasure(Measure):
    """Figure of each text by one language model.

    Raises InvalidInput for a unit that the tokenizer does not have.
    """

    def __init__(self, model: LanguageModel, tokenizer: Tokenizer, config: SelectionConfig) -> None:
        self._model, self._tokenizer, self._figure = model, tokenizer, config.figure
        self._unit: Unit = config.unit or ("lines" if tokenizer.config.has_lines else "document")
        self._empty_lines: EmptyLines = config.empty_lines
        self.is_parallel = model.runs_inline

    def measure(self, texts: Sequence[str]) -> Generator[int, None, Figures]:
        """Measure texts by the language model; yields the tokens of each chunk."""
        sums = yield from sum_texts(self._model, self._tokenizer, texts, self._unit, self._empty_lines)
        figures = all_figures(sums)
        values = figures[self._figure]
        shown: tuple[FigureName, ...] = tuple(dict.fromkeys(("perplexity", "bits_per_byte", self._figure)))
        columns: Columns = {name: finite(figures[name]) for name in shown}
        columns |= {name: sums.sums[name] for name in ("token_count", "oov_count")}
        errors = {i: error.reason for i, error in sums.errors.items()}
        values[list(errors)] = np.nan
        return Figures(columns, values, np.zeros(len(texts), np.int32), errors, sum(sums.sums["token_count"]))


class DifferenceMeasure(Measure):
    """Difference of a figure by two language models, in bits; small where a text is like the first's.

    Moore and Lewis (2010) rank sentences by the cross-entropy of a model of the text wanted, less that of a general
    model.
    """

    _FIGURES: ClassVar[tuple[FigureName, ...]] = ("bits_per_token", "bits_per_byte", "bits_per_character")

    def __init__(self, model: LanguageModelMeasure, against: LanguageModelMeasure, config: SelectionConfig) -> None:
        if config.figure not in self._FIGURES:
            raise InvalidInput("figure", f"must be one of {', '.join(self._FIGURES)} for a difference of two models")
        self._model, self._against = model, against
        self.is_parallel = model.is_parallel and against.is_parallel

    def measure(self, texts: Sequence[str]) -> Generator[int, None, Figures]:
        """Measure texts by both models; yields the tokens of each chunk."""
        first = yield from self._model.measure(texts)
        second = yield from self._against.measure(texts)
        with np.errstate(invalid="ignore"):
            values = first.values - second.values
        both_impossible = np.isinf(first.values) & np.isinf(second.values)
        values[both_impossible] = np.inf
        columns = first.columns | {"difference": finite(values)}
        tokens = first.token_count + second.token_count
        return Figures(columns, values, first.groups, {**second.errors, **first.errors}, tokens)


class ClassifierMeasure(Measure):
    """Label of each text by a classifier, and the probability of one label, by default of that.

    Raises InvalidInput for a label that the classifier does not have.
    """

    def __init__(self, classifier: TextClassifier, tokenizer: Tokenizer, label: str | None = None) -> None:
        if label is not None and label not in classifier.labels:
            raise InvalidInput("label", f"must be one of {', '.join(classifier.labels[:20])}")
        self._classifier, self._tokenizer = classifier, tokenizer
        self.class_labels = classifier.labels
        self._column = None if label is None else classifier.labels.index(label)

    def measure(self, texts: Sequence[str]) -> Generator[int, None, Figures]:
        """Measure texts by the classifier; yields the tokens of each chunk."""
        logprobs, tokens = np.empty((0, len(self.class_labels)), np.float32), 0
        if texts:
            work = classify(self._classifier, self._tokenizer, texts)
            while True:
                try:
                    step = next(work)
                except StopIteration as stop:
                    logprobs = stop.value
                    break
                tokens += step
                yield step
        best = logprobs.argmax(1)
        chosen = best if self._column is None else np.full(len(texts), self._column)
        values = np.exp(logprobs[np.arange(len(texts)), chosen].astype(np.float64))
        columns: Columns = {"label": [self.class_labels[i] for i in best.tolist()], "probability": values.tolist()}
        return Figures(columns, values, np.zeros(len(texts), np.int32), {}, tokens)


class RoutedMeasure(Measure):
    """Figure of each text by the model of its label, as CCNet has one for each language.

    A text whose label has no model has no figure. Raises InvalidInput for a label that the classifier does not have.
    """

    def __init__(self, router: ClassifierMeasure, measures: Mapping[str, Measure]) -> None:
        unknown = next((label for label in measures if label not in router.class_labels), None)
        if unknown is not None:
            raise InvalidInput(f"routes.{unknown}", f"must be one of {', '.join(router.class_labels[:20])}")
        self._router, self._measures = router, measures
        self.labels = router.class_labels
        self._places = {label: i for i, label in enumerate(self.labels)}

    def measure(self, texts: Sequence[str]) -> Generator[int, None, Figures]:
        """Measure texts by the models of their labels; yields the tokens of each chunk."""
        routed = yield from self._router.measure(texts)
        columns, values = dict(routed.columns), np.full(len(texts), np.nan)
        groups = np.array([self._places[label] for label in columns["label"]], np.int32)
        errors, tokens = dict(routed.errors), routed.token_count
        for label, measure in self._measures.items():
            rows = np.flatnonzero(groups == self._places[label]).tolist()
            figures = yield from measure.measure([texts[row] for row in rows])
            values[rows] = figures.values
            errors |= {rows[i]: message for i, message in figures.errors.items()}
            tokens += figures.token_count
            for name, column in figures.columns.items():
                target = columns.setdefault(name, [None] * len(texts))
                for row, value in zip(rows, column, strict=True):
                    target[row] = value
        return Figures(columns, values, groups, errors, tokens)


def all_figures(sums: TextSums) -> dict[FigureName, Float64Array]:
    """Return each figure of N texts; infinity where the model rules one out, 0 where nothing was scored."""
    arrays = {name: np.array(values, np.float64) for name, values in sums.sums.items()}
    logprob = arrays["known_logprob"] + arrays["oov_logprob"]
    logprob[(arrays["known_zeros"] + arrays["oov_zeros"]) > 0] = -np.inf
    text_logprob, tokens = logprob + arrays["spelling_logprob"], np.maximum(arrays["token_count"], 1)
    with np.errstate(over="ignore"):
        return {
            "perplexity": np.exp(-logprob / tokens),
            "open_vocabulary_perplexity": np.exp(-text_logprob / tokens),
            "bits_per_token": -logprob / LOG_2 / tokens,
            "bits_per_byte": -text_logprob / LOG_2 / np.maximum(arrays["byte_count"], 1),
            "bits_per_character": -text_logprob / LOG_2 / np.maximum(arrays["characters"], 1),
        }


def finite(values: Float64Array) -> list[float | None]:
    """Return numbers [N] as JSON has them: None for one that is not finite."""
    numbers: list[float | None] = values.tolist()
    for i in np.flatnonzero(~np.isfinite(values)).tolist():
        numbers[i] = None
    return numbers
