"""Routes of findings (/v1/findings) of `nextword compare`: those made here, and those shipped."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Path, Query, Request
from pydantic import ValidationError

from app.core.exceptions import NotFound
from app.core.plain_messages import explain, locate
from app.http.declared_errors import raises
from app.http.responses import OrjsonResponse
from app.routes.router import resource_router
from app.schemas.findings import FindingDetail, FindingFile, FindingList, FindingQuery
from app.storage.findings import RecordedFinding

router = resource_router("models", "/v1/findings")
FindingName = Annotated[str, Path(description="Name of the experiment.", examples=["families"])]


@router.get("", response_model=FindingList, summary="List the findings on models")
def list_findings(request: Request) -> OrjsonResponse:
    """List what `nextword compare` found of the claims that courses make, with a verdict on each.

    Findings that were recorded here stand beside those that come with the program.
    """
    findings, problems = [], []
    for finding in request.app.state.stores.findings.list():
        try:
            findings.append(_summary(finding, _read(finding)))
        except NotFound as error:
            problems.append({"id": finding.name, "source": finding.source, "message": str(error)})
    return OrjsonResponse({"object": "list", "data": findings, "has_more": False, "problems": problems})


@router.get("/{finding}", response_model=FindingDetail, summary="Describe a finding")
@raises(NotFound)
def describe_finding(request: Request, finding: FindingName, query: Annotated[FindingQuery, Query()]) -> OrjsonResponse:
    """Return a finding with its claims, its table of figures and the curves of its plot."""
    recorded = request.app.state.stores.findings.get(finding, query.source)
    return OrjsonResponse(_identity(recorded) | _read(recorded).model_dump())


def _identity(finding: RecordedFinding) -> dict[str, Any]:
    return {"id": finding.name, "object": "finding", "source": finding.source}


def _summary(finding: RecordedFinding, content: FindingFile) -> dict[str, Any]:
    claims = [{"text": claim.text, "verdict": claim.verdict} for claim in content.claims]
    origin = {"created_at": content.run.created_at, "command": content.run.command}
    return _identity(finding) | origin | {"claims": claims, "note": content.note}


def _read(finding: RecordedFinding) -> FindingFile:
    """Return what the file of a finding holds. Raises NotFound for one that is none."""
    if finding.content is None:
        raise NotFound(f"the finding {finding.name!r} cannot be read: {finding.problem}")
    try:
        return FindingFile.model_validate(finding.content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field, wrong = locate(first["loc"]), explain(first)
        raise NotFound(f"the file of the finding {finding.name!r} holds none: {field}: {wrong}") from None
