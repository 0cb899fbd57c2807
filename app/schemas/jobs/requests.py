"""Request bodies of jobs: train a language model, compose a model of published ones, or evaluate one.

Those of other tasks are in `tasks.job_kinds`, of imports in `import_job`, of calibrations in `trades.calibrate`, of
tuning in `trades.tune`. `JobRequest` is the union of all kinds, told apart by `kind`; `parse_job_request` reads one
from stored JSON. The configurations inside are the dataclasses of `models`, which the command line uses as well and
which check themselves.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import fields, replace
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, get_args

from pydantic import Field, TypeAdapter
from typing_extensions import TypeAliasType

from app.core.container_limits import parse_memory_size
from app.schemas.base import JobBody
from app.schemas.config_schema import config_schema
from app.schemas.jobs.import_job import ImportJob, tokenizer_files
from app.schemas.recipes import parse_config
from app.schemas.tasks.job_kinds import TaskRequest
from app.schemas.tasks.job_requests import EncodingField
from app.schemas.trades.calibrate import CalibrateJob
from app.schemas.trades.tune import TuneJob
from models.composite.config import DynamicConfig, MixtureConfig
from models.data.encoding_names import UTF_8
from models.data.labelled.config import LabelledFormat, QuestionFormat, TaggedFormat
from models.data.line_reader import EmptyLines
from models.errors import InvalidInput
from models.evaluation.metrics import Unit
from models.model import Capability
from models.neural.config import RecurrentConfig
from models.neural.training.config import TrainingConfig
from models.ngram.config import NgramConfig
from models.recipes.recipe import COMPOSITE_CONFIGS, Composition, Recipe
from models.recipes.task_kinds import FORMATS_BY_CAPABILITY, FileFormat
from models.tokenization.config import TokenizerConfig

MAX_TYPED_WORDS = 100_000
"""Words of a text that may be typed; a recurrent model takes a tenth of a second for each."""
EmptyLinesField = Annotated[EmptyLines, Field(description="Whether an empty line is a line: to keep or to drop.")]


class _TrainingJob(JobBody):
    """Fields of all jobs that train a language model."""

    name: str = Field(description="The model's name: 1 to 64 of a-z, 0-9, '.', '_' and '-'.", examples=["my-model"])
    training_file: str = Field(description="Id of the uploaded text to train on.", examples=["file-0123456789ab"])
    validation_file: str | None = Field(None, description="Id of an uploaded text to evaluate on.")
    validation_fraction: float | None = Field(
        None, ge=0, lt=1, description="Without `validation_file`: the share of the text, its end, to measure on; 0.05."
    )
    tokenizer: Annotated[dict[str, Any], config_schema(TokenizerConfig)] = Field(
        {}, description="Configuration of the tokenizer."
    )
    empty_lines: EmptyLinesField = "keep"
    encoding: EncodingField = None
    reversed: bool = Field(
        False, description="Whether to read the text from right to left, for the second member of a pair."
    )
    licence: str = Field("unknown", description="Licence of the training text, for the model's card.")

    @property
    def training_files(self) -> list[str]:
        """Id of the text to train on."""
        return [self.training_file]

    @property
    def more_files(self) -> dict[str, str]:
        """Ids of files beside the texts, by field."""
        return tokenizer_files(self.tokenizer)

    def recipe(self, training: Path, validation: Path | None, tokenizer_file: Path | None = None) -> Recipe:
        """Build the recipe; `tokenizer_file` is where the file lies that the tokenizer names by its id.

        Raises InvalidInput, naming the field, for a value that is not accepted.
        """
        if self.validation_file is not None and self.validation_fraction is not None:
            raise InvalidInput("validation_fraction", "give it or validation_file, not both")
        tokenizer = parse_config(TokenizerConfig, self.tokenizer, "tokenizer.")
        recipe_fields: dict[str, Any] = {
            "tokenizer": tokenizer if tokenizer_file is None else replace(tokenizer, file=str(tokenizer_file)),
            "validation": validation,
            "empty_lines": self.empty_lines,
            "encoding": self.encoding or UTF_8,
            "reversed": self.reversed,
            "licence": self.licence,
            **self.family_fields(),
        }
        if self.validation_fraction is not None:
            recipe_fields["validation_fraction"] = self.validation_fraction
        return Recipe(self.name, (training,), **recipe_fields)

    def family_fields(self) -> dict[str, Any]:
        """Return the fields of the recipe that only this family has."""
        raise NotImplementedError


class NgramJob(_TrainingJob):
    """Count an n-gram model."""

    kind: Literal["ngram"] = Field(description="The model's family.")
    config: Annotated[dict[str, Any], config_schema(NgramConfig)] = Field({}, description="The model's configuration.")
    extends: str | None = Field(
        None,
        description="An n-gram model published with its counts, as `name`, `name@version` or an alias: the text is "
        "added to what that one was made of, and read with its vocabulary.",
    )
    keep_counts: bool = Field(False, description="Whether the counts are published beside the model.")
    refit: bool = Field(
        True,
        description="Whether the model, once measured on the share of the text that was held out, is estimated from "
        "the whole text. The figures stay those of the model of the rest.",
    )
    memory: str | None = Field(
        None, description="How much memory to count in, as 500M, 2G or 50%; what does not fit is counted on disk."
    )

    def family_fields(self) -> dict[str, Any]:
        """Return the model's configuration and how it is counted."""
        return {
            "model": parse_config(NgramConfig, self.config, "config."),
            "extends": None if self.extends is None else Path(self.extends),
            "keep_counts": self.keep_counts,
            "refit": self.refit,
            "memory": None if self.memory is None else parse_memory_size(self.memory),
        }


class RecurrentJob(_TrainingJob):
    """Train a recurrent model."""

    kind: Literal["rnn", "lstm", "gru", "feedforward"] = Field(description="The model's family.")
    config: Annotated[dict[str, Any], config_schema(RecurrentConfig, TrainingConfig, without="kind")] = Field(
        {}, description="The network's architecture and how it is trained."
    )

    def family_fields(self) -> dict[str, Any]:
        """Return the network's configuration and the training's."""
        names = {field.name for field in fields(TrainingConfig)}
        training = {name: value for name, value in self.config.items() if name in names}
        network = {name: value for name, value in self.config.items() if name not in names}
        if "kind" in network:
            raise InvalidInput("config.kind", "the family is said by `kind`, beside `config`")
        self._check_known(network, names)
        return {
            "model": parse_config(RecurrentConfig, {**network, "kind": self.kind}, "config."),
            "training": parse_config(TrainingConfig, training, "config."),
        }

    def _check_known(self, network: dict[str, Any], training: set[str]) -> None:
        known = {field.name for field in fields(RecurrentConfig)} - {"kind"} | training
        for name in network:
            if name not in known:
                raise InvalidInput(f"config.{name}", f"unknown; known are {', '.join(sorted(known))}")


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
    config: Annotated[dict[str, Any], config_schema(*COMPOSITE_CONFIGS.values())] = Field(
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
    format: Annotated[dict[str, Any], config_schema(LabelledFormat, TaggedFormat, QuestionFormat)] | None = Field(
        None, description="Format of the file that measures a task's model; without it, told by the name's ending."
    )
    dynamic: Annotated[dict[str, Any], config_schema(DynamicConfig)] | None = Field(
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


TrainingRequest: TypeAlias = NgramJob | RecurrentJob
AnyJob: TypeAlias = TrainingRequest | TaskRequest | CompositionJob | EvaluateJob | CalibrateJob | TuneJob | ImportJob
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
