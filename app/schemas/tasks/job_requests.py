"""Request bodies of jobs that make a task's model: `TaskJob`, and `NetworkJob` with an encoder.

`job_kinds` has a class for each kind.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeAlias

from pydantic import Field

from app.schemas.base import JobBody, described_as
from app.schemas.config_schema import ConfigSchema
from app.schemas.recipes import parse_config
from models.errors import InvalidInput
from models.neural.encoder.config import EncoderConfig
from models.recipes.task_kinds import TASK_KINDS
from models.recipes.task_recipe import TaskRecipe
from models.tasks.training.config import TaskTrainingConfig
from models.tokenization.config import TokenizerConfig

FindFile: TypeAlias = Callable[[str], Path]
"""Returns the path of an uploaded file by its id."""
EncodingField = Annotated[
    str | None,
    Field(description="Encoding of the files, as latin-1 or utf-16-le; unset: what they were uploaded with, or UTF-8."),
]
FileIds = Annotated[
    str | Annotated[list[str], Field(min_length=1, max_length=100)],
    described_as("the id of a file, or a list of 1 to 100 of them"),
]


class TaskJob(JobBody):
    """Fields of all jobs that make a task's model."""

    kind: str
    name: str = Field(description="The model's name: 1 to 64 of a-z, 0-9, '.', '_' and '-'.", examples=["my-labels"])
    training_file: FileIds = Field(
        description="Id of the uploaded file of examples, or ids of several that are read as one.",
        examples=["file-0123456789ab"],
    )
    validation_file: str | None = Field(None, description="Id of an uploaded file of examples to measure on.")
    validation_fraction: float | None = Field(
        None, ge=0, lt=1, description="Without `validation_file`: the share of the examples to measure on; 0.1."
    )
    split_seed: int = Field(1, ge=0, description="Number that decides which examples are held out.")
    tokenizer: Annotated[dict[str, Any], ConfigSchema(TokenizerConfig)] = Field(
        {}, description="Configuration of the tokenizer."
    )
    config: dict[str, Any] = Field({}, description="The model's configuration.")
    format: dict[str, Any] = Field({}, description="Format of the files.")
    encoding: EncodingField = None
    licence: str = Field("unknown", description="Licence of the examples, for the model's card.")

    @property
    def training_files(self) -> list[str]:
        """Ids of the files of examples, in order."""
        return [self.training_file] if isinstance(self.training_file, str) else self.training_file

    @property
    def more_files(self) -> dict[str, str]:
        """Ids of files beside the first of the examples and that to measure on, by field."""
        return {f"training_file.{i}": file for i, file in enumerate(self.training_files[1:], 1)}

    def recipe(self, find_file: FindFile, origin: Path | None = None) -> TaskRecipe:
        """Build the recipe; `origin` is the directory of the model to begin with, where the request names one.

        Raises InvalidInput, naming the field, for a value that is not accepted.
        """
        if self.validation_file is not None and self.validation_fraction is not None:
            raise InvalidInput("validation_fraction", "give it or validation_file, not both")
        parts, fields = TASK_KINDS[self.kind], self.family_fields(find_file, origin)
        if parts.format is not None:
            said = {} if self.encoding is None else {"encoding": self.encoding}
            fields["format"] = parse_config(parts.format, said | self.format, "format.")
        elif self.encoding is not None:
            fields["encoding"] = self.encoding
        if self.validation_fraction is not None:
            fields["validation_fraction"] = self.validation_fraction
        return TaskRecipe(
            self.name,
            tuple(find_file(file) for file in self.training_files),
            parse_config(parts.config, self.config, "config."),
            tokenizer=parse_config(TokenizerConfig, self.tokenizer, "tokenizer."),
            validation=None if self.validation_file is None else find_file(self.validation_file),
            split_seed=self.split_seed,
            licence=self.licence,
            **fields,
        )

    def family_fields(self, find_file: FindFile, origin: Path | None) -> dict[str, Any]:
        """Return the fields of the recipe that only some kinds have."""
        del find_file, origin
        return {}


class NetworkJob(TaskJob):
    """Fields of jobs that train an encoder with a head."""

    encoder: Annotated[dict[str, Any], ConfigSchema(EncoderConfig)] = Field({}, description="The network.")
    training: Annotated[dict[str, Any], ConfigSchema(TaskTrainingConfig)] = Field({}, description="How it is trained.")
    initialize_from: str | None = Field(
        None,
        description="A published language model or model with an encoder that the training begins with, as `name`, "
        "`name@version` or an alias; its tokenizer is used.",
    )
    vectors_file: str | None = Field(
        None,
        description="Id of an uploaded file of word vectors to begin with: GloVe's or word2vec's text, or .npy.",
    )
    vector_words_file: str | None = Field(None, description="Id of the file of the words of a .npy array, one a line.")
    extra_words: int = Field(0, ge=0, description="How many of the first words with vectors join the vocabulary.")

    @property
    def more_files(self) -> dict[str, str]:
        """Ids of files beside the first two, word vectors included, by field."""
        vectors = {"vectors_file": self.vectors_file, "vector_words_file": self.vector_words_file}
        return super().more_files | {name: file for name, file in vectors.items() if file is not None}

    def family_fields(self, find_file: FindFile, origin: Path | None) -> dict[str, Any]:
        """Return network, training, and what the training begins with."""
        if self.vectors_file is not None:
            if self.initialize_from is not None:
                raise InvalidInput("vectors_file", "give it or initialize_from, not both")
            origin = find_file(self.vectors_file)
        return {
            "encoder": parse_config(EncoderConfig, self.encoder, "encoder."),
            "training": parse_config(TaskTrainingConfig, self.training, "training."),
            "initialize_from": origin,
            "vector_words": None if self.vector_words_file is None else find_file(self.vector_words_file),
            "extra_words": self.extra_words,
        }
