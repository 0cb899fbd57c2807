"""Route POST /v1/models/{model}/fill: the words in the blanks of texts."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends

from app.http.responses import OrjsonResponse
from app.routes.dependencies import ModelRequest, model_injector
from app.schemas.tasks.fill import FillAnswer, FillRequest, fill_content
from models.errors import InvalidInput
from models.inference.prefill import Runtime
from models.language_model import LanguageModel
from models.model import Model
from models.tasks.fill_in.predict import fill
from models.tasks.fill_in.query import FillQuery
from models.tokenization.tokenizer import Tokenizer

router = APIRouter(prefix="/v1/models", tags=["tasks"])
FillInRequest = Annotated[ModelRequest, Depends(model_injector("gutenberg-fill", "a bidirectional fill-in model"))]


@router.post("/{model}/fill", response_model=FillAnswer, summary="Fill in blanks")
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
    results = await request.run_texts(("fill", query), predict, texts, _estimate_cost(request, texts, query))
    return OrjsonResponse({"model": request.served.id, "results": results})


def _estimate_cost(request: ModelRequest, texts: Sequence[str], query: FillQuery) -> int:
    """Estimate how many tokens are read. Raises InvalidInput for too many candidates or results."""
    request.check_count("candidates", query.candidates)
    model, most = request.checkpoint.model, request.settings.max_rows
    words = len(query.candidates) or model.vocabulary_size
    if len(texts) * min(query.top_k or words, words) > most:
        raise InvalidInput("top_k", f"at most {most} fillings in one answer")
    tokens = request.estimate_tokens(texts)
    if not isinstance(model, LanguageModel):
        return tokens
    scored = words if query.candidates or model.runs_inline else min(query.shortlist or words, words)
    return tokens * scored


def _fill(
    model: Model, tokenizer: Tokenizer, query: FillQuery, runtime: Runtime, texts: Sequence[str]
) -> Generator[int, None, list[dict[str, Any]]]:
    """Fill in blanks as work of the engine; return the content for each text."""
    results = yield from fill(model, tokenizer, texts, query, runtime)
    contents = []
    for result in results:
        contents.append(fill_content(result))
        yield 0
    return contents
