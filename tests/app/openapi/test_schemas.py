"""Schemas of the documentation name what there is: fields of cards, kinds of jobs, every reference."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from typing import Any

import pytest
from pydantic import BaseModel

from app.schemas.details import cards
from app.schemas.jobs.answers import JobEventName
from app.schemas.jobs.requests import JOB_KINDS
from app.storage.tables import Status
from models.checkpoint.card import Card, FileDigest, PinnedMember, Provenance
from models.recipes.task_kinds import TASK_KINDS


def test_schemas_have_all_that_is_referred_to_and_nothing_else(document: dict[str, Any]) -> None:
    referred = set(re.findall(r"#/components/schemas/(\w+)", json.dumps(document)))
    assert referred == document["components"]["schemas"].keys()


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (cards.ModelCard, Card),
        (cards.CardProvenance, Provenance),
        (cards.CardFile, FileDigest),
        (cards.CardMember, PinnedMember),
    ],
)
def test_card_schema_has_the_fields_of_the_card(body: type[BaseModel], kind: Any) -> None:
    assert list(body.model_fields) == [field.name for field in fields(kind)]


def test_job_kinds_are_all_named(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    assert {"ngram", "feedforward", "mixture", "evaluate", "tune", *TASK_KINDS} <= set(JOB_KINDS)
    assert schemas["JobAnswer"]["properties"]["kind"]["enum"] == list(JOB_KINDS)
    assert schemas["JobRequest"]["discriminator"]["mapping"].keys() == set(JOB_KINDS)


def test_job_events_end_as_jobs_do() -> None:
    assert {status.value for status in Status} - {"running"} <= set(JobEventName.__args__)


def test_groups_of_routes_are_all_described(document: dict[str, Any]) -> None:
    used = {operation["tags"][0] for methods in document["paths"].values() for operation in methods.values()}
    assert used == {tag["name"] for tag in document["tags"] if tag["description"]}
    operations = {operation["operationId"] for methods in document["paths"].values() for operation in methods.values()}
    linked = re.findall(r"\]\(#/\w+/(\w+)\)", document["info"]["description"])
    assert linked
    assert set(linked) <= operations
