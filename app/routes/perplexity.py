"""POST /v1/models/{model}/perplexity: how well a model predicts a text, given as JSON, as plain text or as records.

Texts and records to perplexities, as the generators of slices that the engine drives.

It knows evaluation, the lines of a file of records, and how figures and errors are told. It does not know HTTP.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Generator
from contextlib import AsyncExitStack, closing
from functools import reduce
from operator import add
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from app.http.error_responses import to_api_error
from app.http.request_body import (
    JSON,
    NDJSON,
    TEXT,
    BufferedBody,
    LineSplitter,
    RecordLine,
    media_type,
    unsupported_media_type,
)
from app.http.responses import OrjsonResponse
from app.http.streaming import BidirectionalStream
from app.routes.dependencies import InjectedModelRequest, ModelRequest
from app.schemas.base import logprob_fields
from app.schemas.perplexity import (
    RECORD_RESPONSES,
    REQUEST_BODIES,
    PerplexityAnswer,
    PerplexityQuery,
    PerplexityRequest,
)
from models.checkpoint.load import Checkpoint
from models.errors import InvalidInput, InvalidText, NextwordError
from models.evaluation.evaluator import Evaluator
from models.evaluation.metrics import Evaluation
from models.evaluation.report import evaluation_figures
from models.inference.prefill import Runtime


def make_evaluator(checkpoint: Checkpoint, wanted: PerplexityQuery | PerplexityRequest, runtime: Runtime) -> Evaluator:
    """What scores one text. Raises InvalidInput for a unit that the model does not have."""
    unit = wanted.unit or ("lines" if checkpoint.tokenizer.config.has_lines else "document")
    return Evaluator(checkpoint.model, checkpoint.tokenizer, unit, wanted.empty_lines or "keep", runtime)


def evaluate_texts(
    checkpoint: Checkpoint, wanted: PerplexityRequest, runtime: Runtime
) -> Generator[object, None, list[Evaluation]]:
    """The evaluation of each text. Raises InvalidText naming the one that cannot be scored."""
    evaluations = []
    for name, text in _named_texts(wanted):
        scorer = make_evaluator(checkpoint, wanted, runtime)
        try:
            yield from scorer.feed(text)
            evaluations.append((yield from scorer.finish()))
        except InvalidText as error:
            raise InvalidText(name, str(error).removeprefix(f"{error.field}: ")) from error
    return evaluations


def _named_texts(wanted: PerplexityRequest) -> list[tuple[str, str]]:
    if isinstance(wanted.text, str):
        return [("text", wanted.text)]
    return [(f"text.{i}", text) for i, text in enumerate(wanted.text)]


def evaluation_content(evaluation: Evaluation) -> dict[str, Any]:
    """What an answer says of an evaluation."""
    return {
        **evaluation_figures(evaluation),
        **logprob_fields(evaluation.logprob),
        "characters": evaluation.characters,
        "unit": evaluation.unit,
    }


def evaluate_records(
    checkpoint: Checkpoint, wanted: PerplexityQuery, lines: list[RecordLine], runtime: Runtime
) -> Generator[object, None, bytes]:
    """A line of JSON for each line that is not blank, in order; an error stands in for a record that is no good."""
    results: list[bytes] = []
    for line in lines:
        results += yield from _evaluate_line(checkpoint, wanted, line, runtime)
    return b"".join(results)


def _evaluate_line(
    checkpoint: Checkpoint, wanted: PerplexityQuery, line: RecordLine, runtime: Runtime
) -> Generator[object, None, list[bytes]]:
    if line.data is not None and not line.data.strip():
        return []
    return [json_line((yield from _evaluate_record(checkpoint, wanted, line, runtime)))]


def _evaluate_record(
    checkpoint: Checkpoint, wanted: PerplexityQuery, line: RecordLine, runtime: Runtime
) -> Generator[object, None, dict[str, Any]]:
    record: dict[str, Any] = {}
    try:
        record, text = _parse_record(line, wanted.keep_text)
        scorer = make_evaluator(checkpoint, wanted, runtime)
        yield from scorer.feed(text)
        return record | evaluation_content((yield from scorer.finish()))
    except NextwordError as error:
        return record | {"line": line.number} | to_api_error(error).content()


def _parse_record(line: RecordLine, keep_text: bool) -> tuple[dict[str, Any], str]:
    """What of a record is repeated in its result, and its text."""
    if line.data is None:
        raise InvalidInput("record", f"line {line.number} is longer than a record may be")
    try:
        record = json.loads(line.data, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise InvalidInput("record", f"line {line.number} is not JSON: {error}") from error
    if not isinstance(record, dict) or not isinstance(record.get("text"), str):
        raise InvalidInput("record", f'line {line.number} must be an object with a string as "text"')
    text = record["text"]
    return {key: value for key, value in record.items() if keep_text or key != "text"}, text


def _refuse_constant(constant: str) -> float:
    raise ValueError(f"{constant} is no JSON number")


def json_line(content: dict[str, Any]) -> bytes:
    """One line, in ASCII: a repeated field may hold half a surrogate pair, which UTF-8 cannot."""
    return json.dumps(content, allow_nan=False, separators=(",", ":")).encode() + b"\n"


router = APIRouter(prefix="/v1/models", tags=["score"])


@router.post(
    "/{model}/perplexity",
    response_model=PerplexityAnswer,
    responses=RECORD_RESPONSES,
    openapi_extra=REQUEST_BODIES,
    summary="Measure perplexity",
)
async def measure_perplexity(call: InjectedModelRequest, query: Annotated[PerplexityQuery, Query()]) -> Response:
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
    if kind == NDJSON:
        return await _of_records(call, query)
    raise unsupported_media_type(call.request.headers, JSON, TEXT, NDJSON)


async def _of_json(call: ModelRequest, query: PerplexityQuery) -> Response:
    for name, value in query:
        if value:
            raise InvalidInput(name, "as a parameter it is for bodies of the other kinds; JSON has it in the body")
    wanted = _parsed(await call.request.body())
    texts = [wanted.text] if isinstance(wanted.text, str) else wanted.text
    call.check_count("text", texts)
    evaluations = await call.run(evaluate_texts(call.checkpoint, wanted, call.runtime), call.estimate_tokens(texts))
    answer = {"model": call.served.id} | evaluation_content(reduce(add, evaluations))
    if not isinstance(wanted.text, str):
        answer["results"] = [evaluation_content(evaluation) for evaluation in evaluations]
    return OrjsonResponse(answer)


def _parsed(body: bytes) -> PerplexityRequest:
    try:
        return PerplexityRequest.model_validate_json(body)
    except ValidationError as error:
        raise RequestValidationError([{**e, "loc": ("body", *e["loc"])} for e in error.errors()]) from error


async def _of_text(call: ModelRequest, query: PerplexityQuery) -> Response:
    if query.keep_text:
        raise InvalidInput("keep_text", "is for records")
    scorer = make_evaluator(call.checkpoint, query, call.runtime)
    with call.place(), closing(BufferedBody(call.request.receive)) as spool:
        while data := await spool.read():
            await call.compute(scorer.feed(data), call.estimate_tokens([data]), spool.wait_for_disconnect)
        evaluation = await call.compute(scorer.finish(), 0, spool.wait_for_disconnect)
    return OrjsonResponse({"model": call.served.id} | evaluation_content(evaluation))


async def _of_records(call: ModelRequest, query: PerplexityQuery) -> Response:
    make_evaluator(call.checkpoint, query, call.runtime)  # a wrong unit fails here, before the first byte
    async with AsyncExitStack() as stack:
        stack.enter_context(call.place())
        spool = BufferedBody(call.request.receive)
        stack.callback(spool.close)
        first = await spool.read()  # a body that is too large and says so fails here
        return BidirectionalStream(_results(call, query, spool, first), NDJSON, stack.pop_all(), format_error=json_line)


async def _results(
    call: ModelRequest, query: PerplexityQuery, spool: BufferedBody, first: bytes
) -> AsyncGenerator[bytes, None]:
    """A line for each record."""
    lines = LineSplitter(call.settings.max_record_bytes)
    data = first
    while data:
        yield await call.compute(
            evaluate_records(call.checkpoint, query, lines.feed(data), call.runtime),
            call.estimate_tokens([data]),
            spool.wait_for_disconnect,
        )
        data = await spool.read()
    yield await call.compute(
        evaluate_records(call.checkpoint, query, lines.finish(), call.runtime), 0, spool.wait_for_disconnect
    )
