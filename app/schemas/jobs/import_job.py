"""Request body of a job that publishes a model which another program estimated."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from app.schemas.base import JobBody
from app.schemas.config_schema import ConfigSchema
from app.schemas.recipes import parse_config
from models.recipes.import_recipe import ImportRecipe
from models.tokenization.config import TokenizerConfig

TOKENIZER_FIELD = "tokenizer.file"
"""Field with the id of a tokenizer's file."""


def tokenizer_files(tokenizer: dict[str, Any]) -> dict[str, str]:
    """Return the id of the file that a tokenizer's settings name, by its field; nothing without one."""
    file = tokenizer.get("file")
    return {TOKENIZER_FIELD: file} if isinstance(file, str) else {}


class ImportJob(JobBody):
    """Publish an n-gram model in ARPA text."""

    kind: Literal["import"] = Field(description="Import a model.")
    name: str = Field(description="The model's name: 1 to 64 of a-z, 0-9, '.', '_' and '-'.", examples=["my-model"])
    file: str = Field(
        description="Id of the uploaded model: ARPA text, compressed or not (gzip, bzip2, xz, zstd). A binary of KenLM "
        "is not accepted: only whoever runs the service imports one, with `nextword import`.",
        examples=["file-0123456789ab"],
    )
    tokenizer: Annotated[dict[str, Any], ConfigSchema(TokenizerConfig)] = Field(
        {},
        description="How texts are split into the model's words: `pretokenized`, at blanks alone, unless said "
        "otherwise; or `file`, the id of the tokenizer whose tokens they are.",
    )
    allow_unnormalized: bool = Field(
        False,
        description="Whether a model is published some of whose distributions do not sum to one. Its card and every "
        "answer then say `normalized: false`.",
    )
    licence: str = Field("unknown", description="Licence of the text that the model was estimated from.")

    @property
    def validation_file(self) -> None:
        """No text to measure on: an import measures nothing."""
        return None

    @property
    def training_files(self) -> list[str]:
        """Id of the model's file."""
        return [self.file]

    @property
    def more_files(self) -> dict[str, str]:
        """Ids of files beside the model, by field."""
        return tokenizer_files(self.tokenizer)

    def recipe(self, file: Path, tokenizer_file: Path | None = None) -> ImportRecipe:
        """Build the recipe; `tokenizer_file` is where the file lies that the tokenizer names by its id.

        Raises InvalidInput, naming the field, for a value that is not accepted.
        """
        defaults = {"pretokenized": True} if self.tokenizer.keys().isdisjoint(("kind", "file")) else {}
        tokenizer = parse_config(TokenizerConfig, defaults | self.tokenizer, "tokenizer.")
        if tokenizer_file is not None:
            tokenizer = replace(tokenizer, file=str(tokenizer_file))
        return ImportRecipe(self.name, file, tokenizer, self.licence, self.allow_unnormalized)
