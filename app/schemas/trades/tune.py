"""Request of the job that tunes the weights of rescoring, and the figures that it finds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field

from app.schemas.base import JobBody
from app.schemas.tasks.job_requests import EncodingField
from app.schemas.trades.rescore import MAX_MODELS
from models.evaluation.rescoring.tuned_weights import ErrorUnit, Tuning

ZERO_LOGPROB = -100.0
"""What a token of probability zero counts as (nats) where nothing else is said, here and in `rescore`."""


class TuneJob(JobBody):
    """Find the weights of rescoring with the fewest errors on n-best lists with references."""

    kind: Literal["tune"] = Field(description="Find the weights of rescoring.")
    model: str = Field(description="The model, as `name`, `name@version` or an alias.", examples=["my-model@1"])
    models: list[str] = Field(
        [], max_length=MAX_MODELS, description="More models, each with a weight of its own of either sign."
    )
    validation_file: str = Field(
        description="Id of the uploaded n-best lists: a JSON object a line, with `reference`, `hypotheses` of `text` "
        "and `score`, and maybe `context`."
    )
    unit: ErrorUnit = Field("words", description="What errors are counted in.")
    zero_logprob: float = Field(
        ZERO_LOGPROB, ge=-1e6, le=0, description="What each token counts as that a model gives no probability (nats)."
    )
    encoding: EncodingField = None


def tuning_content(models: Sequence[str], tuning: Tuning, zero_logprob: float) -> dict[str, Any]:
    """Return what was found as JSON content; its `weights` are fields of a request to `rescore`."""
    found = tuning.weights
    others = zip(models[1:], found.lm_weights[1:], found.oov_penalties[1:], strict=True)
    weights = {
        "score_weight": 1.0,
        "lm_weight": found.lm_weights[0],
        "models": [{"model": name, "weight": weight, "oov_penalty": penalty} for name, weight, penalty in others],
        "word_bonus": found.word_bonus,
        "oov_penalty": found.oov_penalties[0],
        "zero_logprob": zero_logprob,
    }
    counts = {"list_count": tuning.list_count, "hypothesis_count": tuning.hypothesis_count}
    return {
        "model": models[0],
        "unit": tuning.unit,
        "weights": weights,
        "error_rate": tuning.error_rates,
        "errors": dict(vars(tuning.errors)),
        "reference_length": tuning.reference_length,
        **counts,
    }
