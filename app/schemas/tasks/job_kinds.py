"""Request bodies of jobs that make a task's model, one for each kind or two."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field

from app.schemas.config_schema import ConfigSchema
from app.schemas.tasks.job_requests import FindFile, NetworkJob, TaskJob
from models.data.labelled.config import LabelledFormat, QuestionFormat, TaggedFormat
from models.data.line_reader import EmptyLines
from models.tasks.classification.config import ClassifierConfig, LogisticRegressionConfig, NaiveBayesConfig
from models.tasks.fill_in.config import FillInConfig
from models.tasks.question_answering.config import NearestSentenceConfig, ReaderConfig
from models.tasks.tagging.config import HmmTaggerConfig, TaggerConfig

_FORMAT = Field(description="Format of the files; without it, told by the endings of their names.")
LabelledFormatField = Annotated[dict[str, Any], ConfigSchema(LabelledFormat), _FORMAT]
TaggedFormatField = Annotated[dict[str, Any], ConfigSchema(TaggedFormat), _FORMAT]
QuestionFormatField = Annotated[dict[str, Any], ConfigSchema(QuestionFormat), _FORMAT]
NoFormat = Annotated[dict[str, Any], Field(max_length=0, description="Plain text has none.")]


class ClassifierJob(NetworkJob):
    """Train a recurrent classifier of texts."""

    kind: Literal["classifier"] = Field(description="Kind of the model.")
    config: Annotated[dict[str, Any], ConfigSchema(ClassifierConfig)] = Field(
        {}, description="What it does with the vectors of a text."
    )
    format: LabelledFormatField = Field({})


class ClassifierBaselineJob(TaskJob):
    """Fit a classifier of texts by their n-grams."""

    kind: Literal["naive_bayes", "logistic_regression"] = Field(description="Kind of the model.")
    config: Annotated[dict[str, Any], ConfigSchema(NaiveBayesConfig, LogisticRegressionConfig)] = Field(
        {}, description="Its n-grams, and what keeps it from overfitting."
    )
    format: LabelledFormatField = Field({})


class TaggerJob(NetworkJob):
    """Train a recurrent tagger of sentences."""

    kind: Literal["tagger"] = Field(description="Kind of the model.")
    config: Annotated[dict[str, Any], ConfigSchema(TaggerConfig)] = Field(
        {}, description="What it does with the vectors of a sentence."
    )
    format: TaggedFormatField = Field({})


class HmmTaggerJob(TaskJob):
    """Count a hidden Markov model that tags sentences."""

    kind: Literal["hmm_tagger"] = Field(description="Kind of the model.")
    config: Annotated[dict[str, Any], ConfigSchema(HmmTaggerConfig)] = Field({}, description="What it counts.")
    format: TaggedFormatField = Field({})


class FillInJob(NetworkJob):
    """Train a network on plain text to fill blanks from both sides."""

    kind: Literal["fill_in"] = Field(description="Kind of the model.")
    config: Annotated[dict[str, Any], ConfigSchema(FillInConfig)] = Field(
        {}, description="How it joins both sides, and how it is trained."
    )
    format: NoFormat = Field({})
    empty_lines: EmptyLines = Field("keep", description="Whether an empty line is a line: to keep or to drop.")

    def family_fields(self, find_file: FindFile, origin: Path | None) -> dict[str, Any]:
        """Return those of a network, and how lines are read."""
        return super().family_fields(find_file, origin) | {"empty_lines": self.empty_lines}


class ReaderJob(NetworkJob):
    """Train a recurrent reader that answers questions about a text."""

    kind: Literal["reader"] = Field(description="Kind of the model.")
    config: Annotated[dict[str, Any], ConfigSchema(ReaderConfig)] = Field(
        {}, description="What it answers with, and how it reads."
    )
    format: QuestionFormatField = Field({})


class NearestSentenceJob(TaskJob):
    """Fit a baseline that answers with the sentence nearest to the question."""

    kind: Literal["nearest_sentence"] = Field(description="Kind of the model.")
    config: Annotated[dict[str, Any], ConfigSchema(NearestSentenceConfig)] = Field(
        {}, description="What it answers with."
    )
    format: QuestionFormatField = Field({})


TaskRequest: TypeAlias = (
    ClassifierJob | ClassifierBaselineJob | TaggerJob | HmmTaggerJob | FillInJob | ReaderJob | NearestSentenceJob
)
