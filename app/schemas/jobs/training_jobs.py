"""Request bodies of jobs that train a language model: `NgramJob` and `RecurrentJob`."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field

from app.core.container_limits import parse_memory_size
from app.schemas.base import JobBody
from app.schemas.config_schema import ConfigSchema
from app.schemas.jobs.import_job import tokenizer_files
from app.schemas.recipes import parse_config
from app.schemas.tasks.job_requests import EncodingField
from models.data.encoding_names import UTF_8
from models.data.line_reader import EmptyLines
from models.errors import InvalidInput
from models.neural.config import RecurrentConfig
from models.neural.training.config import TrainingConfig
from models.ngram.config import NgramConfig
from models.recipes.recipe import Recipe
from models.tokenization.config import TokenizerConfig

EmptyLinesField = Annotated[EmptyLines, Field(description="Whether an empty line is a line: to keep or to drop.")]


class _TrainingJob(JobBody):
    """Fields of all jobs that train a language model."""

    name: str = Field(description="The model's name: 1 to 64 of a-z, 0-9, '.', '_' and '-'.", examples=["my-model"])
    training_file: str = Field(description="Id of the uploaded text to train on.", examples=["file-0123456789ab"])
    validation_file: str | None = Field(None, description="Id of an uploaded text to evaluate on.")
    validation_fraction: float | None = Field(
        None, ge=0, lt=1, description="Without `validation_file`: the share of the text, its end, to measure on; 0.05."
    )
    tokenizer: Annotated[dict[str, Any], ConfigSchema(TokenizerConfig)] = Field(
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
    config: Annotated[dict[str, Any], ConfigSchema(NgramConfig)] = Field({}, description="The model's configuration.")
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
        None,
        description="How much memory the job may take, as 500M, 2GB or 50%; what does not fit is worked on in files.",
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
    config: Annotated[dict[str, Any], ConfigSchema(RecurrentConfig, TrainingConfig, without="kind")] = Field(
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


TrainingRequest: TypeAlias = NgramJob | RecurrentJob
