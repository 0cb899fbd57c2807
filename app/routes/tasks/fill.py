"""Route POST /v1/models/{model}/fill: the words in the blanks of texts."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace
from functools import partial
from typing import Annotated, Any

from fastapi import Depends

from app.engine.isolation import good_items
from app.http.declared_errors import raises
from app.http.item_errors import told_errors
from app.http.responses import OrjsonResponse
from app.routes.dependencies import WORK_ERRORS, ModelRequest, model_injector
from app.routes.router import resource_router
from app.routes.tasks.fill_effort import estimate_fill
from app.schemas.tasks.fill import FillAnswer, FillRequest, fill_content
from models.errors import InvalidInput
from models.inference.prefill import Runtime
from models.model import Model
from models.tasks.fill_in.predict import STEP_FILLINGS, fill
from models.tasks.fill_in.query import FillQuery
from models.tokenization.tokenizer import Tokenizer

MAX_CHARACTERS = 20_000_000
"""Characters of an answer, in which each filling has its whole text."""
router = resource_router("tasks", "/v1/models")
FillInRequest = Annotated[ModelRequest, Depends(model_injector("gutenberg-fill", "a bidirectional fill-in model"))]


@router.post("/{model}/fill", response_model=FillAnswer, summary="Fill in blanks")
@raises(*WORK_ERRORS)
async def fill_blanks(request: FillInRequest, body: FillRequest) -> OrjsonResponse:
    """Give the most probable words for the blanks of each text, judged by what stands on both sides.

    A language model ranks the words by the probability of the whole text, a fill-in model by what it says of the
    blank.
    """
    model = request.checkpoint.model
    if "fill" not in model.capabilities:
        raise request.checkpoint.unsupported_error("fill")
    texts, query = request.check_texts("text", body.text), body.query()
    predict = partial(_fill, model, request.checkpoint.tokenizer, query, request.runtime)
    cost = _estimate_cost(request, good_items(texts), query)
    results = await request.run_texts(("fill", query), predict, texts, cost)
    return OrjsonResponse({"model": request.served.id, "results": told_errors(results, text=body.text)})


def _estimate_cost(request: ModelRequest, texts: Sequence[str], query: FillQuery) -> int:
    """Estimate how many tokens are read and fillings told. Raises InvalidInput for too many."""
    request.check_count("candidates", query.candidates)
    model, most = request.checkpoint.model, request.settings.max_rows
    efforts = [estimate_fill(model, query, text, request.estimate_tokens([text])) for text in texts]
    shown, characters = sum(effort.shown for effort in efforts), sum(effort.characters for effort in efforts)
    considered = max((effort.considered for effort in efforts), default=0)
    _check_limit("beam", considered, most, "fillings of one text are compared: beam times the words to choose from")
    _check_limit("top_k", shown, most, "fillings fit into one answer")
    _check_limit("top_k", characters, MAX_CHARACTERS, "characters fit into one answer: each filling has its whole text")
    return shown + sum(effort.tokens for effort in efforts)


def _check_limit(field: str, count: int, most: int, explanation: str) -> None:
    if count > most:
        raise InvalidInput(field, f"at most {most} {explanation}; these are {count}")


def _fill(
    model: Model, tokenizer: Tokenizer, query: FillQuery, runtime: Runtime, texts: Sequence[str]
) -> Generator[int, None, list[dict[str, Any]]]:
    """Fill in blanks as work of the engine; return the content for each text."""
    results = yield from fill(model, tokenizer, texts, query, runtime)
    contents = []
    for result in results:
        contents.append(fill_content(replace(result, fillings=())))
        for begin in range(0, len(result.fillings), STEP_FILLINGS):
            part = replace(result, fillings=result.fillings[begin : begin + STEP_FILLINGS])
            contents[-1]["fillings"] += fill_content(part)["fillings"]
            yield 0
    return contents
