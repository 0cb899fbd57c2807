"""POST /v1/models/{model}/perplexity: how well a model predicts a text, given as JSON, as plain text or as records."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, closing
from typing import Annotated

from fastapi import APIRouter, Query, Response
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from app.http.answers import Json
from app.http.media import JSON, RECORDS, TEXT, media_type, unsupported
from app.http.request_body import Lines, Spool
from app.http.streaming import Duplex
from app.routes.dependencies import Call, ModelCall
from app.routes.perplexity_answers import evaluate_records, evaluate_texts, evaluator, figures, json_line, pooled
from app.schemas.perplexity import BODIES, RECORD_RESULTS, PerplexityAnswer, PerplexityQuery, PerplexityRequest
from models.errors import InvalidInput

router = APIRouter(prefix="/v1/models", tags=["score"])


@router.post(
    "/{model}/perplexity",
    response_model=PerplexityAnswer,
    responses=RECORD_RESULTS,
    openapi_extra=BODIES,
    summary="Measure perplexity",
)
async def measure_perplexity(call: ModelCall, query: Annotated[PerplexityQuery, Query()]) -> Response:
    """The perplexity of a text: exp of the mean cross-entropy of its tokens, the end of each line among them.

    The text comes as JSON; or as `text/plain` (UTF-8), of any length, read and scored in slices; or as
    `application/x-ndjson`, a record `{"text": ...}` a line: results are streamed back, one a line, in order, with the
    record's other fields. A record that cannot be scored has an `error` in its place.
    """
    kind = media_type(call.request.headers)
    if kind == JSON:
        return await _of_json(call, query)
    if kind == TEXT:
        return await _of_text(call, query)
    if kind == RECORDS:
        return await _of_records(call, query)
    raise unsupported(call.request.headers, JSON, TEXT, RECORDS)


async def _of_json(call: Call, query: PerplexityQuery) -> Response:
    for name, value in query:
        if value:
            raise InvalidInput(name, "as a parameter it is for bodies of the other kinds; JSON has it in the body")
    wanted = _parsed(await call.request.body())
    texts = [wanted.text] if isinstance(wanted.text, str) else wanted.text
    call.check_count("text", texts)
    evaluations = await call.run(evaluate_texts(call.checkpoint, wanted), call.about(texts))
    answer = {"model": call.served.id} | figures(pooled(evaluations))
    if not isinstance(wanted.text, str):
        answer["results"] = [figures(evaluation) for evaluation in evaluations]
    return Json(answer)


def _parsed(body: bytes) -> PerplexityRequest:
    try:
        return PerplexityRequest.model_validate_json(body)
    except ValidationError as error:
        raise RequestValidationError([{**e, "loc": ("body", *e["loc"])} for e in error.errors()]) from error


async def _of_text(call: Call, query: PerplexityQuery) -> Response:
    if query.keep_text:
        raise InvalidInput("keep_text", "is for records")
    scorer = evaluator(call.checkpoint, query)
    with call.place(), closing(Spool(call.request.receive)) as spool:
        while data := await spool.read():
            await call.compute(scorer.feed(data), call.about([data]), spool.gone)
        evaluation = await call.compute(scorer.finish(), 0, spool.gone)
    return Json({"model": call.served.id} | figures(evaluation))


async def _of_records(call: Call, query: PerplexityQuery) -> Response:
    evaluator(call.checkpoint, query)  # a wrong unit fails here, before the first byte
    async with AsyncExitStack() as stack:
        stack.enter_context(call.place())
        spool = Spool(call.request.receive)
        stack.callback(spool.close)
        first = await spool.read()  # a body that is too large and says so fails here
        return Duplex(_results(call, query, spool, first), RECORDS, stack.pop_all(), last_words=json_line)


async def _results(call: Call, query: PerplexityQuery, spool: Spool, first: bytes) -> AsyncGenerator[bytes, None]:
    """A line for each record."""
    lines = Lines(call.settings.max_record_bytes)
    data = first
    while data:
        yield await call.compute(
            evaluate_records(call.checkpoint, query, lines.feed(data)), call.about([data]), spool.gone
        )
        data = await spool.read()
    yield await call.compute(evaluate_records(call.checkpoint, query, lines.finish()), 0, spool.gone)
