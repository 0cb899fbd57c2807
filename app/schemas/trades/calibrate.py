"""Request of the job that finds thresholds of the gibberish check."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from app.schemas.base import JobBody
from app.schemas.tasks.job_requests import EncodingField
from app.schemas.trades.heuristics import MAX_WINDOW
from models.evaluation.gibberish_scores import WINDOW_TOKENS

MAX_RATES = 20
"""Most rates of one job."""


class CalibrateJob(JobBody):
    """Find thresholds of the gibberish check on harmless prompts."""

    kind: Literal["calibrate"] = Field(description="Find thresholds of the gibberish check.")
    model: str = Field(description="The model, as `name`, `name@version` or an alias.", examples=["my-model@1"])
    validation_file: str = Field(description="Id of the uploaded text of harmless prompts, one a line.")
    rates: list[Annotated[float, Field(gt=0, lt=1)]] = Field(
        [0.01],
        min_length=1,
        max_length=MAX_RATES,
        description="Largest shares of the prompts that a check may report; there are thresholds for each.",
    )
    window: int = Field(WINDOW_TOKENS, ge=1, le=MAX_WINDOW, description="Tokens of a window.")
    encoding: EncodingField = None
