"""Schemas of bodies that FastAPI does not see: items of streams, and bodies that a route reads itself."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from app.schemas.generate import GenerateEvent
from app.schemas.jobs.answers import StreamedJobEvent, StreamedJobWaiting
from app.schemas.openai.completion_answer import CompletionEvent
from app.schemas.perplexity import PerplexityRequest, RecordPerplexity, RefusedRecord
from app.schemas.trades.analyze import RefusedText, UnitLine

DOCUMENTED_MODELS: tuple[type[BaseModel], ...] = (
    CompletionEvent,
    GenerateEvent,
    PerplexityRequest,
    RecordPerplexity,
    RefusedRecord,
    RefusedText,
    StreamedJobEvent,
    StreamedJobWaiting,
    UnitLine,
)
"""Classes of those bodies, which `app.schemas.details.streams.schema_ref` refers to by name."""


def add_schemas(schemas: dict[str, Any]) -> None:
    """Add the schemas of these bodies, and of what they consist of, to the `schemas` of a document."""
    wanted = [(model, "validation") for model in DOCUMENTED_MODELS]
    _, generated = models_json_schema(wanted, ref_template="#/components/schemas/{model}")  # type: ignore[arg-type]
    for name, schema in generated["$defs"].items():
        schemas.setdefault(name, schema)
