"""Request bodies of jobs that compose a model or evaluate one, and the union of all kinds.

Trainings of language models are in `training_jobs`, those of other tasks in `tasks.job_kinds`, imports in `import_job`,
calibrations in `trades.calibrate`, tuning in `trades.tune`, scoring and selecting of records in `selection_jobs`.
`JobRequest` is the union of all kinds, told apart by `kind`; `parse_job_request` reads one from stored JSON. The
configurations inside are the dataclasses of `models`, which the command line uses as well and which check themselves.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, get_args

from pydantic import Field, TypeAdapter
from typing_extensions import TypeAliasType

from app.schemas.base import JobBody
from app.schemas.config_schema import ConfigSchema
from app.schemas.jobs.import_job import ImportJob
from app.schemas.jobs.selection_jobs import ScoreJob, SelectJob
from app.schemas.jobs.training_jobs import EmptyLinesField, TrainingRequest
from app.schemas.recipes import parse_config
from app.schemas.tasks.job_kinds import TaskRequest
from app.schemas.tasks.job_requests import EncodingField
from app.schemas.trades.calibrate import CalibrateJob
from app.schemas.trades.tune import TuneJob
from models.composite.config import DynamicConfig, MixtureConfig
from models.data.encoding_names import UTF_8
from models.data.labelled.config import LabelledFormat, QuestionFormat, TaggedFormat
from models.errors import InvalidInput
from models.evaluation.metrics import Unit
from models.model import Capability
from models.recipes.recipe import COMPOSITE_CONFIGS, Composition
from models.recipes.task_kinds import FORMATS_BY_CAPABILITY, FileFormat
from models.tokenization.config import TokenizerConfig

MAX_TYPED_WORDS = 100_000
"""Words of a text that may be typed; a recurrent model takes a tenth of a second for each."""


class CompositionJob(JobBody):
    """Make a model of published ones."""

    kind: Literal["mixture", "cache", "neural_cache", "language_model_pair"] = Field(
        description="Kind of the composite model."
    )
    name: str = Field(description="The model's name: 1 to 64 of a-z, 0-9, '.', '_' and '-'.", examples=["my-mixture"])
    members: list[str] = Field(
        min_length=1,
        max_length=100,
        description="The models it is made of, as `name`, `name@version` or an alias; a cache has one, a pair a model "
        "of text and one of reversed text.",
        examples=[["my-model@1", "my-lstm@1"]],
    )
    config: Annotated[dict[str, Any], ConfigSchema(*COMPOSITE_CONFIGS.values())] = Field(
        {}, description="A mixture's `weights`, what a cache remembers and how much it says, or a pair's prior_weight."
    )
    validation_file: str | None = Field(
        None, description="Id of an uploaded text to evaluate on; a mixture without weights is fitted to it."
    )
    unit: Unit = Field("document", description="Unit of the text when weights are fitted.")
    empty_lines: EmptyLinesField = "keep"
    encoding: EncodingField = None

    def composition(self, validation: Path | None) -> Composition:
        """Build the composition. Raises InvalidInput, naming the field, for a value that is not accepted."""
        model = parse_config(COMPOSITE_CONFIGS[self.kind], self.config, "config.")
        if model == MixtureConfig() and validation is None:
            raise InvalidInput("config.weights", "give them, or a validation_file to fit them to")
        composition = Composition(
            self.name,
            tuple(self.members),
            model,
            validation,
            self.unit,
            self.empty_lines,
            encoding=self.encoding or UTF_8,
        )
        composition.check()
        return composition


class EvaluateJob(JobBody):
    """Measure a published model on a text, or a task's model on labelled files."""

    kind: Literal["evaluate"] = Field(description="Evaluate a model.")
    model: str = Field(description="The model, as `name`, `name@version` or an alias.", examples=["my-model@1"])
    validation_file: str = Field(description="Id of the uploaded text to evaluate on.")
    unit: Unit | None = Field(
        None, description="`lines`: each on its own; `document`: as one. Without it, lines, or document for characters."
    )
    empty_lines: EmptyLinesField = "keep"
    encoding: EncodingField = None
    bos: bool | None = Field(
        None, description="Whether each line, or the document, begins after `</s>`. Without it, it does."
    )
    eos: bool | None = Field(
        None, description="Whether the end of each line, or of the document, is scored too. Without it, it is."
    )
    format: Annotated[dict[str, Any], ConfigSchema(LabelledFormat, TaggedFormat, QuestionFormat)] | None = Field(
        None, description="Format of the file that measures a task's model; without it, told by the name's ending."
    )
    dynamic: Annotated[dict[str, Any], ConfigSchema(DynamicConfig)] | None = Field(
        None, description="Dynamic evaluation: a copy of the model learns from the text as it scores it."
    )
    typing: int | None = Field(
        None,
        ge=1,
        le=MAX_TYPED_WORDS,
        description="How many words of the text are typed as well, the first ones: `hits_at_1`, 3 and 5 tell how often "
        "the word was among the first suggestions, `keystrokes_saved` what choosing among five saves.",
    )

    def dynamic_config(self) -> DynamicConfig | None:
        """Build the configuration of dynamic evaluation, if any. Raises InvalidInput, naming the field."""
        if self.dynamic is None:
            return None
        if self.typing is not None:
            raise InvalidInput("typing", "is not for dynamic evaluation: suggestions are those of the model as it is")
        return parse_config(DynamicConfig, self.dynamic, "dynamic.")

    def file_format(self, capabilities: Collection[Capability]) -> FileFormat | None:
        """Return the format of the labelled file that measures a model; None for one that reads plain text.

        Raises InvalidInput for a field that does not go with such a model.
        """
        for name in ("unit", "dynamic", "bos", "eos", "typing"):
            if "perplexity" not in capabilities and getattr(self, name) is not None:
                raise InvalidInput(name, "is for language models: leave it out")
        kind = next((kind for name, kind in FORMATS_BY_CAPABILITY.items() if name in capabilities), None)
        if kind is None and self.format is not None:
            raise InvalidInput("format", "is for models that labelled files measure: leave it out")
        said = {} if self.encoding is None else {"encoding": self.encoding}
        return None if kind is None else parse_config(kind, said | (self.format or {}), "format.")

    def resolve_unit(self, tokenizer: TokenizerConfig) -> Unit:
        """Return the requested unit, or the default for the tokenizer and dynamic evaluation."""
        return self.unit or ("lines" if tokenizer.has_lines and self.dynamic is None else "document")


AnyJob: TypeAlias = (
    TrainingRequest
    | TaskRequest
    | CompositionJob
    | EvaluateJob
    | CalibrateJob
    | TuneJob
    | ScoreJob
    | SelectJob
    | ImportJob
)
JOB_KINDS: tuple[str, ...] = tuple(
    kind for body in get_args(AnyJob) for kind in get_args(body.model_fields["kind"].annotation)
)
"""Values of `kind`."""
JobRequest = TypeAliasType(
    "JobRequest",
    Annotated[
        AnyJob, Field(discriminator="kind", title="JobRequest", description="A job of one kind, which `kind` names.")
    ],
)
"""The request of a job of any kind; the name is that of its schema in the documentation."""
_ADAPTER: TypeAdapter[JobRequest] = TypeAdapter(JobRequest)


def parse_job_request(data: dict[str, Any]) -> JobRequest:
    """Parse a stored request."""
    return _ADAPTER.validate_python(data)
