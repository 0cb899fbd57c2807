"""Requests of jobs that score the records of files, and that select some of them: files in, files out."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field

from app.schemas.base import JobBody
from app.schemas.config_schema import ConfigSchema
from app.schemas.recipes import parse_config
from models.errors import InvalidInput
from models.selection.config import SelectionConfig, SelectionModels

MAX_FILES = 1000
"""Most files of one job."""
Compression: TypeAlias = Literal["zst", "gz", "none"]


class RecordsJob(JobBody):
    """Fields of the jobs whose files hold records: JSON objects or texts, one a line, or rows of Parquet."""

    model: str = Field(
        description="A language model, or a classifier, as `name`, `name@version` or an alias.",
        examples=["gutenberg-kn@1"],
    )
    against: str | None = Field(
        None, description="Another language model: records are judged by the difference of the two (Moore and Lewis)."
    )
    routes: dict[str, str] = Field(
        {}, description="Language model for each label of a classifier: each record is judged by that of its label."
    )
    files: list[str] = Field(
        min_length=1,
        max_length=MAX_FILES,
        description="Ids of uploaded files, plain or compressed, in UTF-8; their records are written in this order.",
    )
    compression: Compression = Field("zst", description="What the files that are written are compressed with.")

    @property
    def training_files(self) -> list[str]:
        """The first of the files, where others have theirs to learn from."""
        return self.files[:1]

    @property
    def validation_file(self) -> None:
        """No file to measure on."""

    @property
    def more_files(self) -> dict[str, str]:
        """Ids of the files after the first, by field."""
        return {f"files.{i}": file for i, file in enumerate(self.files[1:], 1)}

    @property
    def models(self) -> SelectionModels:
        """Names of the models. Raises InvalidInput for those that do not go together."""
        return SelectionModels(self.model, self.against, self.routes)

    def selection(self) -> SelectionConfig:
        """Build the configuration. Raises InvalidInput, naming the field, for a value that is not accepted."""
        raise NotImplementedError


class ScoreJob(RecordsJob):
    """Write all records with their scores; bad ones with an error in their place."""

    kind: Literal["score"] = Field(description="Score records.")
    config: Annotated[dict[str, Any], ConfigSchema(SelectionConfig)] = Field(
        {}, description="Format of the files, and which figures; without a rule of which are kept."
    )

    def selection(self) -> SelectionConfig:
        """Build the configuration. Raises InvalidInput, naming the field, also for one with a rule."""
        config = parse_config(SelectionConfig, self.config, "config.")
        if config.has_rule:
            raise InvalidInput(f"config.{config.rules[0]}", "is for the kind select: score keeps every record")
        return config


class SelectJob(RecordsJob):
    """Write the records that a rule keeps; with head, middle and tail to a file each."""

    kind: Literal["select"] = Field(description="Select records.")
    config: Annotated[dict[str, Any], ConfigSchema(SelectionConfig)] = Field(
        description="Format of the files, which figure, and one rule: `min` and `max`, `lowest`, `highest`, `cutoffs` "
        "or `percentiles`.",
        examples=[{"lowest": 30}],
    )

    def selection(self) -> SelectionConfig:
        """Build the configuration. Raises InvalidInput, naming the field, also for one without a rule."""
        config = parse_config(SelectionConfig, self.config, "config.")
        if not config.has_rule:
            raise InvalidInput("config", "must have a rule: min or max, lowest, highest, cutoffs or percentiles")
        return config


RecordsRequest: TypeAlias = ScoreJob | SelectJob
"""A job of records, of either kind."""
