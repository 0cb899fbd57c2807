"""Content of analyzed texts in answers: units and tokens as JSON, and rows of a table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from app.core.exceptions import ModelFailed
from app.schemas.tokens import token_content
from app.schemas.trades.analyze import TSV_COLUMNS
from models.evaluation.surprisal.analysis import TextAnalysis
from models.evaluation.surprisal.units import Unit
from models.tokenization.token_names import TokenNames


def analysis_content(analysis: TextAnalysis, names: TokenNames, window: int | None, *, tokens: bool) -> dict[str, Any]:
    """Return the JSON content of a text's analysis. Raises ModelFailed for NaN."""
    told = _token_contents(analysis, names)
    units = [_unit_content(analysis, unit, told[unit.begin : unit.end], window) for unit in analysis.units]
    if tokens:
        for content, unit in zip(units, analysis.units, strict=True):
            content["tokens"] = told[unit.begin : unit.end]
    total = _surprisal_fields(float(analysis.distributions.surprisals.sum()))
    return {"units": units} | total | {"token_count": len(analysis.oov), "oov_count": int(analysis.oov.sum())}


def _unit_content(
    analysis: TextAnalysis, unit: Unit, tokens: Sequence[dict[str, Any]], window: int | None
) -> dict[str, Any]:
    begin, end = unit.span
    content = {"text": analysis.tokens.text[begin:end], "begin": begin, "end": end}
    content |= _surprisal_fields(analysis.surprisal(unit))
    is_single = len(tokens) == 1
    content |= {"entropy": tokens[0]["entropy"], "rank": tokens[0]["rank"] if is_single else None}
    content |= {"oov": any(token["oov"] for token in tokens), "token_count": len(tokens)}
    if "matched_order" in tokens[0]:
        content["matched_order"] = tokens[0]["matched_order"] if is_single else None
    if window is not None:
        perplexity = analysis.window_perplexity(unit, window)
        content["window_perplexity"] = perplexity if math.isfinite(perplexity) else None
    return content


def _token_contents(analysis: TextAnalysis, names: TokenNames) -> list[dict[str, Any]]:
    figures = analysis.distributions
    surprisals, entropies, ranks = figures.surprisals.tolist(), figures.entropies.tolist(), figures.ranks.tolist()
    columns = zip(analysis.tokens.ids.tolist(), analysis.shown, analysis.oov.tolist(), strict=True)
    contents = [token_content(names, i) | {"token": form, "oov": oov} for i, form, oov in columns]
    for content, surprisal, entropy, rank in zip(contents, surprisals, entropies, ranks, strict=True):
        content.update(_surprisal_fields(surprisal) | {"entropy": entropy, "rank": rank})
    for content, order in zip(contents, () if figures.orders is None else figures.orders.tolist(), strict=False):
        content["matched_order"] = order
    return contents


def _surprisal_fields(surprisal: float) -> dict[str, Any]:
    """Return the fields of a surprisal in bits; inf, which JSON lacks, is null with a mark."""
    if math.isnan(surprisal):
        raise ModelFailed from ArithmeticError("the model gave a surprisal that is no number")
    return {"surprisal": None, "zero_probability": True} if surprisal == math.inf else {"surprisal": surprisal}


def table_row(index: int, unit: dict[str, Any]) -> list[object]:
    """Return the row of a unit of text `index` in the table."""
    row = {"text_index": index, **unit}
    row["surprisal"] = "inf" if unit["surprisal"] is None else unit["surprisal"]
    return [row.get(column) for column in TSV_COLUMNS]
