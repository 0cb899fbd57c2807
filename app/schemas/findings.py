"""Findings of `nextword compare`: response bodies, and the files that they are read from."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import ConfigDict, Field

from app.schemas.base import QueryParameters, ResponseBody
from app.storage.findings import Source

Interval: TypeAlias = tuple[float | None, float | None]
"""Ends of an interval; None where it has no end."""
Figure: TypeAlias = Annotated[str, Field(max_length=1000)] | int | float | bool | None
Verdict: TypeAlias = Literal["holds", "does not hold", "not decided"]
COMMAND_FIELD = Field(
    description="Command that repeats it.", examples=["nextword compare text.txt --only families --full"]
)
NOTE_FIELD = Field(description="What the figures show, where there is no claim to decide.")
SOURCE_FIELD = Field(
    description="`local`: measured here, by `nextword compare --record`; `shipped`: measured by the authors, and part "
    "of the program."
)
ID_FIELD = Field(description="Name of the experiment.", examples=["families"])


class FileBody(ResponseBody):
    """Base of what files of findings hold: fields of later versions are passed over."""

    model_config = ConfigDict(extra="ignore", strict=True, allow_inf_nan=False)


class FindingClaim(FileBody):
    """A sentence that courses teach, and what the run says of it."""

    text: str = Field(description="The sentence.", examples=["a bidirectional one can"])
    verdict: Verdict = Field(
        description="What the interval of the mean decides; `not decided` where it allows both.", examples=["holds"]
    )
    measured: str = Field(description="What `values` are, with the unit.", examples=["log ratio of perplexities"])
    values: list[float | None] = Field(description="The figure for each seed; null for one out of all bounds.")
    mean: float | None = Field(description="Their mean.")
    spread: float | None = Field(description="Their standard deviation.")
    interval: Interval | None = Field(
        None,
        description="The 95 % interval of the mean (Student's t), null for an end out of all bounds; null as a whole "
        "where each value is a yes (1) or a no (0).",
        strict=False,
    )
    accepted: Interval | None = Field(
        None,
        description="Between which numbers the interval has to lie for the claim to hold, null for no bound.",
        strict=False,
    )


class FindingRun(FileBody):
    """When, where and with what an experiment was made."""

    created_at: int = Field(description="When it ended, in seconds since 1970.", examples=[1764000000])
    seconds: float = Field(description="Time that it took.")
    command: str = COMMAND_FIELD
    text: str = Field(description="Name of the file of text.")
    text_sha256: str = Field(description="SHA-256 of that file.")
    processor: str = Field(description="Model of the processor.")
    cores: int = Field(description="Cores that it might use.")
    threads: int = Field(description="Threads that computed.")
    system: str = Field(description="Operating system and architecture.", examples=["Linux x86_64"])
    python: str = Field(description="Version of Python.")
    torch: str = Field(description="Version of PyTorch.")
    version: str = Field(description="Version of Nextword.")


class FindingCurve(FileBody):
    """A line of the finding's plot."""

    label: str = Field(description="What it is of.", examples=["lstm"])
    x: list[float] = Field(description="Its points' first coordinates.")
    y: list[float | None] = Field(description="Their second ones; null for one out of all bounds.")


class FindingFile(FileBody):
    """A finding as `nextword compare` writes it."""

    claims: list[FindingClaim] = Field(
        description="What courses say, with verdicts; none where no figure can refute it."
    )
    note: str = NOTE_FIELD
    run: FindingRun = Field(description="How it was made.")
    rows: list[dict[str, Figure]] = Field(
        description="A row of figures for each thing compared; `x_spread` is the standard deviation of `x` over seeds."
    )
    curves: list[FindingCurve] = Field(description="The lines of its plot.")
    axes: Annotated[tuple[str, str], Field(strict=False)] = Field(description="Labels of the plot's axes, x first.")
    logarithmic: bool = Field(description="Whether the vertical axis of the plot is.")
    ticks: list[str] = Field(description="Labels of x = 0, 1, 2, ..., where x is no number.")


class FindingVerdict(ResponseBody):
    """A claim with its verdict alone."""

    text: str = Field(description="The sentence.", examples=["a bidirectional one can"])
    verdict: Verdict = Field(description="What was found.", examples=["holds"])


class FindingSummary(ResponseBody):
    """A finding's claims with their verdicts."""

    id: str = ID_FIELD
    object: Literal["finding"] = Field(description="Always `finding`.")
    source: Source = SOURCE_FIELD
    created_at: int = Field(description="When it was made, in seconds since 1970.", examples=[1764000000])
    command: str = COMMAND_FIELD
    claims: list[FindingVerdict] = Field(description="What courses say, with verdicts.")
    note: str = NOTE_FIELD


class FindingDetail(FindingFile):
    """A finding with its figures and curves."""

    id: str = ID_FIELD
    object: Literal["finding"] = Field(description="Always `finding`.")
    source: Source = SOURCE_FIELD


class FindingProblem(ResponseBody):
    """A finding's file that cannot be used."""

    id: str = ID_FIELD
    source: Source = SOURCE_FIELD
    message: str = Field(description="Reason why it cannot be used.")


class FindingList(ResponseBody):
    """List of all findings, by name; of one name, that measured here first."""

    object: Literal["list"] = Field(description="Always `list`.")
    data: list[FindingSummary] = Field(description="The findings.")
    has_more: bool = Field(description="Always false: the list is whole.")
    problems: list[FindingProblem] = Field(description="Files of findings that cannot be used, and why.")


class FindingQuery(QueryParameters):
    """Query parameters of one finding."""

    source: Source | None = Field(None, description="Which one; unset: that measured here, or else that shipped.")
