"""Kinds of task models that recipes make: the configuration and the files of each.

A new kind adds a line to `TASK_KINDS`. Neither torch nor Numba is loaded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from models.data.labelled.config import LabelledFormat, QuestionFormat, TaggedFormat
from models.model import Capability
from models.tasks.classification.config import ClassifierConfig, LogisticRegressionConfig, NaiveBayesConfig
from models.tasks.fill_in.config import FillInConfig
from models.tasks.question_answering.config import NearestSentenceConfig, ReaderConfig
from models.tasks.tagging.config import HmmTaggerConfig, TaggerConfig

TaskConfig: TypeAlias = (
    ClassifierConfig
    | NaiveBayesConfig
    | LogisticRegressionConfig
    | TaggerConfig
    | HmmTaggerConfig
    | FillInConfig
    | ReaderConfig
    | NearestSentenceConfig
)
FileFormat: TypeAlias = LabelledFormat | TaggedFormat | QuestionFormat


@dataclass(frozen=True)
class TaskKind:
    """Parts of the recipe of one kind of model."""

    config: type[TaskConfig]
    format: type[FileFormat] | None
    """Format of its files; None for plain text."""
    is_network: bool
    """Whether it has an encoder that is trained; a baseline is counted or fitted."""


TASK_KINDS: dict[str, TaskKind] = {
    "classifier": TaskKind(ClassifierConfig, LabelledFormat, is_network=True),
    "naive_bayes": TaskKind(NaiveBayesConfig, LabelledFormat, is_network=False),
    "logistic_regression": TaskKind(LogisticRegressionConfig, LabelledFormat, is_network=False),
    "tagger": TaskKind(TaggerConfig, TaggedFormat, is_network=True),
    "hmm_tagger": TaskKind(HmmTaggerConfig, TaggedFormat, is_network=False),
    "fill_in": TaskKind(FillInConfig, None, is_network=True),
    "reader": TaskKind(ReaderConfig, QuestionFormat, is_network=True),
    "nearest_sentence": TaskKind(NearestSentenceConfig, QuestionFormat, is_network=False),
}
"""What each kind of task model is made of, by the name that recipes, cards and jobs give it."""


FORMATS_BY_CAPABILITY: dict[Capability, type[FileFormat]] = {
    "classify": LabelledFormat,
    "tag": TaggedFormat,
    "answer": QuestionFormat,
}
"""Format of the labelled files that measure a model, by what it can be asked."""


def kind_of(config: TaskConfig) -> str:
    """Return the name of the kind that a configuration belongs to."""
    return next(name for name, parts in TASK_KINDS.items() if parts.config is type(config))
