"""Route POST /v1/models/{model}/counts: how often n-grams occur in the text that a model was made of."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from functools import partial
from typing import Annotated, Any

from fastapi import Depends

from app.http.declared_errors import raises
from app.http.item_errors import told_errors
from app.http.responses import OrjsonResponse
from app.routes.dependencies import WORK_ERRORS, ModelRequest, model_injector
from app.routes.router import resource_router
from app.schemas.counts import CountsAnswer, CountsRequest, counts_content
from models.errors import CountsNotKept, InvalidInput, InvalidText
from models.inference.prediction.ngram_counts import counts_of, text_ngram, token_ngram
from models.inference.prediction.predictions import ContextTokens
from models.ngram.count_table import CountTable
from models.tokenization.tokenizer import Tokenizer

router = resource_router("models", "/v1/models")
CountedModelRequest = Annotated[
    ModelRequest, Depends(model_injector("students", "a tiny n-gram model with its counts"))
]


@router.post("/{model}/counts", response_model=CountsAnswer, summary="Count n-grams")
@raises(*WORK_ERRORS, CountsNotKept)
async def count_ngrams(request: CountedModelRequest, body: CountsRequest) -> OrjsonResponse:
    """Tell how often an n-gram and its context occur in the training text, and what its shorter ends do.

    Only an n-gram model that was published with its counts can tell: `nextword train --keep-counts`, or a job with
    `keep_counts`; its capabilities name `counts`.
    """
    counts = counts_of(request.checkpoint.language_model)
    ngrams = _ngrams(request, body)
    results = await request.run_items(partial(_results, request, counts), ngrams, len(ngrams) * counts.order)
    contents = told_errors(results, text=body.text or "")
    return OrjsonResponse({"model": request.served.id, "order": counts.order, "results": contents})


def _ngrams(request: ModelRequest, body: CountsRequest) -> list[ContextTokens | InvalidInput]:
    """Return the n-grams of the request, or an error for one that is empty or too long.

    Raises InvalidInput for too many, and for a single one that is too long.
    """
    body.check()
    tokenizer = request.checkpoint.tokenizer
    if body.text is None:
        request.check_context("tokens", " ".join(body.tokens or ()))
        return [token_ngram(tokenizer, body.tokens or ())]
    return [_ngram(tokenizer, text, body) for text in request.check_texts("text", body.text)]


def _ngram(tokenizer: Tokenizer, text: str | InvalidInput, body: CountsRequest) -> ContextTokens | InvalidInput:
    if isinstance(text, InvalidInput):
        return text
    ngram = text_ngram(tokenizer, text, bos=body.bos, eos=body.eos)
    return ngram if ngram.ids else InvalidText("text", "must hold at least one token")


def _results(
    request: ModelRequest, counts: CountTable, ngrams: Sequence[ContextTokens]
) -> Generator[int, None, list[dict[str, Any]]]:
    """Look the n-grams up as work of the engine; return the content for each."""
    results = []
    for ngram in ngrams:
        results.append(counts_content(ngram, counts.describe(ngram.ids), request.checkpoint.tokenizer.names))
        yield counts.order
    return results
