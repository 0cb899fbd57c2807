"""Route POST /v1/models/{model}/analyze: surprisal, entropy and rank of words, lines or spans."""

from __future__ import annotations

import csv
import io
from collections.abc import Generator, Iterator, Sequence
from functools import partial
from typing import Any

from fastapi import Response
from orjson import dumps

from app.engine.isolation import good_items
from app.http.accept import choose_media_type
from app.http.declared_errors import raises
from app.http.item_errors import told_errors
from app.http.request_body import JSON, NDJSON, get_header
from app.http.responses import OrjsonResponse
from app.routes.dependencies import WORK_ERRORS, InjectedModelRequest, ModelRequest
from app.routes.router import resource_router
from app.routes.trades.analysis_contents import analysis_content, table_row
from app.schemas.trades.analyze import TSV, TSV_COLUMNS, WRITTEN_FORMS, AnalyzeAnswer, AnalyzeRequest
from models.errors import InvalidInput
from models.evaluation.surprisal.analysis import analyze_text

router = resource_router("score", "/v1/models")
MODEL_HEADER = "x-model"
"""Header that names the model where the answer has no place for it."""


@router.post("/{model}/analyze", response_model=AnalyzeAnswer, responses=WRITTEN_FORMS, summary="Analyze a text")
@raises(*WORK_ERRORS)
async def analyze(request: InjectedModelRequest, body: AnalyzeRequest) -> Response:
    """Tell of each word, line or span of a text how surprising it is, and what was expected in its place.

    A word is what stands between white space, punctuation included; it may be several tokens. The header `accept`
    chooses JSON, a unit a line (`application/x-ndjson`), or a table (`text/tab-separated-values`).
    """
    kind = choose_media_type(get_header(request.http_request.scope, b"accept"), (JSON, NDJSON, TSV))
    results = await _analyze(request, body)
    contents = told_errors(results, text=body.text)
    if kind == NDJSON:
        return Response(_write_lines(contents), media_type=NDJSON, headers={MODEL_HEADER: request.served.id})
    if kind == TSV:
        return Response(_write_table(results), media_type=TSV, headers={MODEL_HEADER: request.served.id})
    return OrjsonResponse(request.served.answer_fields | {"results": contents})


async def _analyze(request: ModelRequest, body: AnalyzeRequest) -> list[dict[str, Any] | InvalidInput]:
    """Return the content of each text's analysis, or the error in its place."""
    if body.spans is not None and not isinstance(body.text, str):
        raise InvalidInput("spans", "are parts of a single text: send one, not a list")
    texts = [body.text] if isinstance(body.text, str) else body.text
    request.check_count("text", texts)
    request.check_context("context", body.context)
    cost, tokens = request.ranking_cost, request.estimate_tokens(good_items(texts))
    if tokens > request.settings.max_rows:
        raise InvalidInput("text", f"at most {request.settings.max_rows} tokens in one answer")
    return await request.run_items(partial(_predict, request, body), texts, cost * tokens)


def _predict(
    request: ModelRequest, body: AnalyzeRequest, texts: Sequence[str]
) -> Generator[int, None, list[dict[str, Any]]]:
    """Analyze texts as work of the engine; return the content for each."""
    checkpoint, contents = request.checkpoint, []
    spans = None if body.spans is None else [(begin, end) for begin, end in body.spans]
    for text in texts:
        analysis = yield from analyze_text(
            checkpoint.predictor,
            checkpoint.tokenizer,
            text,
            context=body.context,
            bos=body.bos,
            eos=body.eos,
            unit=body.unit,
            spans=spans,
            runtime=request.runtime,
        )
        contents.append(analysis_content(analysis, checkpoint.tokenizer.names, body.window, tokens=body.tokens))
        yield 0
    return contents


def _write_lines(contents: Sequence[dict[str, Any]]) -> bytes:
    """Write a unit a line as JSON, with the number of its text; or the error of a text in their place."""
    return b"".join(
        dumps({"text_index": i, **line}) + b"\n" for i, text in enumerate(contents) for line in _lines(text)
    )


def _lines(content: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from content.get("units", [content])


def _write_table(results: Sequence[dict[str, Any] | InvalidInput]) -> str:
    """Write a table of units, quoted as spreadsheets do. Raises the error of the first text that has one."""
    table = io.StringIO()
    writer = csv.writer(table, "excel-tab", lineterminator="\n")
    writer.writerow(TSV_COLUMNS)
    for i, result in enumerate(results):
        if isinstance(result, InvalidInput):
            raise result
        writer.writerows(table_row(i, unit) for unit in result["units"])
    return table.getvalue()
