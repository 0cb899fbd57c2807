"""Route POST /v1/models/{model}/perplexity: perplexity of JSON, plain text or records.

Plain text and records are evaluated while they arrive, so a body may be larger than memory; results of records are
streamed back, a line each.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Iterator, Sequence
from contextlib import AsyncExitStack, closing
from functools import partial, reduce
from operator import add
from typing import Annotated, Any, NamedTuple, TypeAlias

import orjson
from fastapi import Query, Response
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from app.engine.isolation import good_items
from app.http.declared_errors import raises
from app.http.error_responses import to_api_error
from app.http.item_errors import told_errors
from app.http.json_body import validate_json
from app.http.records import own_fields, parse_record, record_line, record_text
from app.http.request_body import (
    JSON,
    NDJSON,
    TEXT,
    BufferedBody,
    LineSplitter,
    RecordLine,
    charset,
    media_type,
    unsupported_media_type,
)
from app.http.responses import OrjsonResponse
from app.http.streaming import BidirectionalStream
from app.routes.dependencies import WORK_ERRORS, InjectedModelRequest, ModelRequest
from app.routes.router import resource_router
from app.schemas.base import logprob_fields
from app.schemas.perplexity import (
    REQUEST_BODIES,
    RESERVED_FIELDS,
    RESPONSES,
    PerplexityAnswer,
    PerplexityQuery,
    PerplexityRequest,
)
from models.data.encoding_names import UTF_8
from models.data.line_reader import EmptyLines
from models.errors import InvalidInput, InvalidText, NextwordError
from models.evaluation.evaluator import Evaluator
from models.evaluation.metrics import Evaluation, Unit, evaluation_figures, figure_columns
from models.evaluation.text_batch import TextSums, evaluate_texts, sum_texts
from models.utils.json_columns import format_objects

router = resource_router("score", "/v1/models")
_Options: TypeAlias = PerplexityQuery | PerplexityRequest


@router.post(
    "/{model}/perplexity",
    response_model=PerplexityAnswer,
    responses=RESPONSES,
    openapi_extra=REQUEST_BODIES,
    summary="Measure perplexity",
)
@raises(*WORK_ERRORS)
async def measure_perplexity(request: InjectedModelRequest, query: Annotated[PerplexityQuery, Query()]) -> Response:
    """Measure the perplexity of a text: exp of the mean cross-entropy of its tokens, line ends included.

    The text comes as JSON; or as `text/plain` in any encoding, of any length, read and scored in slices; or as
    `application/x-ndjson`, a record `{"text": ...}` a line: results are streamed back, one a line, in order, with the
    record's other fields. A record that cannot be scored has an `error` in its place.
    """
    kind = media_type(request.http_request.headers)
    if kind == JSON:
        return await _evaluate_json(request, query)
    if kind == TEXT:
        return await _evaluate_text(request, query)
    if kind == NDJSON:
        return await _evaluate_records(request, query)
    raise unsupported_media_type(request.http_request.headers, JSON, TEXT, NDJSON)


async def _evaluate_json(request: ModelRequest, query: PerplexityQuery) -> Response:
    for name in sorted(query.model_dump(exclude_defaults=True)):  # forms send defaults along, as Swagger UI does
        raise InvalidInput(name, "as a parameter it is for bodies of the other kinds; JSON has it in the body")
    body = _parse_body(await request.http_request.body())
    texts = [body.text] if isinstance(body.text, str) else body.text
    request.check_count("text", texts)
    nothing = _make_evaluator(request, body).nothing
    evaluations = await request.run_items(
        partial(_evaluate_texts, request, body), texts, request.estimate_tokens(good_items(texts))
    )
    contents = [item if isinstance(item, InvalidInput) else _evaluation_content(item) for item in evaluations]
    results = told_errors(contents, text=body.text)
    scored = good_items(evaluations)
    content = request.served.answer_fields | _evaluation_content(reduce(add, scored, nothing))
    if len(scored) < len(results):
        content["error_count"] = len(results) - len(scored)
    if not isinstance(body.text, str):
        content["results"] = results
    return OrjsonResponse(content)


def _parse_body(body: bytes) -> PerplexityRequest:
    try:
        return validate_json(PerplexityRequest, body)
    except ValidationError as error:
        raise RequestValidationError([{**e, "loc": ("body", *e["loc"])} for e in error.errors()]) from error


async def _evaluate_text(request: ModelRequest, query: PerplexityQuery) -> Response:
    if query.keep_text:
        raise InvalidInput("keep_text", "is for records")
    encoding = query.encoding or charset(request.http_request.headers) or UTF_8
    evaluator = _make_evaluator(request, query, encoding)
    with closing(request.buffer_body()) as body:
        data = await body.read()  # as long as nothing comes, others have the place
        with request.reserve_for(body):
            while data:
                await request.compute(evaluator.feed(data), request.estimate_tokens([data]), body.wait_for_disconnect)
                data = await body.read()
            evaluation = await request.compute(evaluator.finish(), 0, body.wait_for_disconnect)
    return OrjsonResponse(request.served.answer_fields | _evaluation_content(evaluation))


async def _evaluate_records(request: ModelRequest, query: PerplexityQuery) -> Response:
    if query.encoding is not None:
        raise InvalidInput("encoding", "is for plain text: JSON is UTF-8")
    _make_evaluator(request, query)  # a wrong unit fails before the first byte
    async with AsyncExitStack() as stack:
        body = request.buffer_body()
        stack.callback(body.close)
        first = await body.read()  # a body whose declared size is too large fails before the first byte of an answer
        stack.enter_context(request.reserve_for(body))
        return BidirectionalStream(
            _results(request, query, body, first), NDJSON, stack.pop_all(), format_error=record_line
        )


async def _results(
    request: ModelRequest, query: PerplexityQuery, body: BufferedBody, first: bytes
) -> AsyncGenerator[bytes, None]:
    """Yield the results of the records that each piece of the body completes."""
    lines = LineSplitter(request.settings.max_record_bytes)
    data = first
    while data:
        work = _evaluate_lines(request, query, lines.feed(data))
        yield await request.compute(work, request.estimate_tokens([data]), body.wait_for_disconnect)
        data = await body.read()
    yield await request.compute(_evaluate_lines(request, query, lines.finish()), 0, body.wait_for_disconnect)


def _make_evaluator(request: ModelRequest, options: _Options, encoding: str = UTF_8) -> Evaluator:
    """Build the evaluator of one text.

    Raises InvalidInput for a unit that the model does not have, and for an unknown encoding.
    """
    model, tokenizer = request.checkpoint.language_model, request.checkpoint.tokenizer
    unit, empty_lines, ends = _chosen(request, options)
    return Evaluator(model, tokenizer, unit, empty_lines, request.runtime, **ends, encoding=encoding)


def _chosen(request: ModelRequest, options: _Options) -> tuple[Unit, EmptyLines, dict[str, bool]]:
    """Return the unit, what becomes of empty lines, and which ends count."""
    unit: Unit = options.unit or ("lines" if request.checkpoint.tokenizer.config.has_lines else "document")
    ends = {"bos": options.bos is not False, "eos": options.eos is not False}
    return unit, options.empty_lines or "keep", ends


def _evaluate_texts(
    request: ModelRequest, options: _Options, texts: Sequence[str]
) -> Generator[object, None, Sequence[Evaluation | InvalidInput]]:
    """Evaluate each text, with an error in the place of one that cannot be scored."""
    model, tokenizer = request.checkpoint.language_model, request.checkpoint.tokenizer
    unit, empty_lines, ends = _chosen(request, options)
    return (yield from evaluate_texts(model, tokenizer, texts, unit, empty_lines, request.runtime, **ends))


def _evaluate_lines(
    request: ModelRequest, query: PerplexityQuery, lines: list[RecordLine]
) -> Generator[object, None, bytes]:
    """Evaluate records together: a line of JSON per line that is not blank, in order."""
    records = [_read_record(line, query) for line in lines if line.data is None or line.data.strip()]
    texts = [record.text for record in records if isinstance(record.text, str)]
    model, tokenizer = request.checkpoint.language_model, request.checkpoint.tokenizer
    unit, empty_lines, ends = _chosen(request, query)
    sums = yield from sum_texts(model, tokenizer, texts, unit, empty_lines, request.runtime, **ends)
    outcomes = iter(_outcomes(sums, _make_evaluator(request, query).nothing, request.served.normalized_field))
    results = (
        _result_line(record, next(outcomes) if isinstance(record.text, str) else record.text) for record in records
    )
    return b"".join(results)


def _outcomes(sums: TextSums, nothing: Evaluation, more: dict[str, Any]) -> Iterator[bytes | InvalidText]:
    """Yield the figures of each text as fields of a JSON object, or why it has none."""
    fields = {"empty_lines": nothing.empty_lines, "bos": nothing.bos, "eos": nothing.eos, "adaptive": nothing.adaptive}
    same = b"," + orjson.dumps({**fields, "unit": nothing.unit, **more})[1:]
    columns = figure_columns(sums.sums)
    for i, (logprob, content) in enumerate(zip(columns["logprob"], format_objects(columns), strict=True)):
        error = sums.errors.get(i)
        zero = b',"zero_probability":true' if logprob is None else b""
        yield error if error is not None else content[1:-1] + zero + same


class _ReadRecord(NamedTuple):
    """A record whose line was read."""

    line: RecordLine
    own: dict[str, Any]
    """The fields that its result repeats."""
    text: str | NextwordError
    """What is to be scored, or why there is nothing."""


def _read_record(line: RecordLine, query: PerplexityQuery) -> _ReadRecord:
    own: dict[str, Any] = {}
    try:
        record = parse_record(line)
        own = own_fields(record, RESERVED_FIELDS, keep_text=query.keep_text)
        return _ReadRecord(line, own, record_text(line, record))
    except NextwordError as error:
        return _ReadRecord(line, own, error)


def _result_line(record: _ReadRecord, outcome: bytes | NextwordError) -> bytes:
    """Return a line of a record's fields and figures, or of an error in their place."""
    try:
        if isinstance(outcome, bytes):
            return record_line(record.own)[:-2] + (b"," if record.own else b"") + outcome + b"\n"
        return _error_line(record.line, record.own, outcome)
    except RecursionError:
        error = InvalidInput("record", f"line {record.line.number} is nested too deep")
        return _error_line(record.line, {}, error)


def _error_line(line: RecordLine, own: dict[str, Any], error: Exception) -> bytes:
    try:
        return record_line(own | {"line": line.number} | to_api_error(error).content())
    except RecursionError:  # its own fields are too deep to be repeated
        return record_line({"line": line.number} | to_api_error(error).content())


def _evaluation_content(evaluation: Evaluation) -> dict[str, Any]:
    """Return the JSON content of an evaluation."""
    content = evaluation_figures(evaluation)
    content |= logprob_fields(evaluation.logprob)
    content["characters"], content["unit"] = evaluation.characters, evaluation.unit
    return content
