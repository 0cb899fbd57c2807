"""Route POST /v1/embeddings: vectors of texts and of their tokens, in OpenAI's shape."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

from fastapi import APIRouter, Request

from app.http.responses import OrjsonResponse
from app.routes.dependencies import ModelRequest, TimeoutHeader, build_model_request
from app.schemas.tasks.embeddings import EmbeddingsAnswer, EmbeddingsRequest, vector_content
from models.errors import InvalidInput
from models.tasks.embedding.encode import encodes, vector_size
from models.tasks.embedding.predict import Embedding, embed
from models.tokenization.tokenizer import Tokenizer

router = APIRouter(prefix="/v1", tags=["tasks"])


@router.post("/embeddings", response_model=EmbeddingsAnswer, summary="Embed texts")
async def embed_texts(
    request: Request, body: EmbeddingsRequest, x_request_timeout_ms: TimeoutHeader = None
) -> OrjsonResponse:
    """Give each text a vector: that of a recurrent language model, a classifier or another model with an encoder.

    Texts that mean alike to the model have vectors that point alike: compare them by the cosine of their angle.
    """
    del x_request_timeout_ms  # the admission middleware enforces it
    model_request = build_model_request(request, body.model)
    texts = _check(model_request, body)
    results, tokens = await model_request.run(
        _results(model_request, texts, body), model_request.estimate_tokens(texts)
    )
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return OrjsonResponse({"object": "list", "data": results, "model": model_request.served.id, "usage": usage})


def _check(request: ModelRequest, body: EmbeddingsRequest) -> Sequence[str]:
    """Return the texts. Raises InvalidInput for what this model, or the settings, do not allow."""
    model, tokenizer, most = request.checkpoint.model, request.checkpoint.tokenizer, request.settings.max_rows
    if not encodes(model):
        raise request.checkpoint.unsupported_error("embed")
    size = vector_size(model)
    if body.dimensions not in (None, size):
        raise InvalidInput("dimensions", f"the vectors of this model have {size} numbers; none but that is accepted")
    texts = request.check_texts("input", body.input)
    if body.per_token and (count := len(tokenizer.encode_batch(texts, add_eos=True).ids)) * size > most:
        raise InvalidInput("per_token", f"{count} vectors of {size} numbers are more than {most} numbers in all")
    return texts


def _results(
    request: ModelRequest, texts: Sequence[str], body: EmbeddingsRequest
) -> Generator[int, None, tuple[list[dict[str, Any]], int]]:
    """Embed texts as work of the engine; return the content for each, and the number of tokens."""
    model, tokenizer = request.checkpoint.model, request.checkpoint.tokenizer
    embeddings = yield from embed(model, tokenizer, texts, body.pooling, per_token=body.per_token)
    results: list[dict[str, Any]] = []
    for index, (text, embedding) in enumerate(zip(texts, embeddings, strict=True)):
        vector = vector_content(embedding.vector, body.encoding_format)
        results.append({"object": "embedding", "index": index, "embedding": vector})
        if body.per_token:
            results[-1]["tokens"] = _token_contents(tokenizer, text, embedding, body)
            yield 0
    return results, sum(len(embedding.text) for embedding in embeddings)


def _token_contents(
    tokenizer: Tokenizer, text: str, embedding: Embedding, body: EmbeddingsRequest
) -> list[dict[str, Any]]:
    """Return the JSON content of each token of a text, `</s>` after its end included."""
    assert embedding.token_vectors is not None, "asked for"
    spans = [*tokenizer.encode_with_offsets(text).offsets.tolist(), [len(text), len(text)]]
    return [
        {"token": form, "begin": begin, "end": end, "embedding": vector_content(vector, body.encoding_format)}
        for form, (begin, end), vector in zip(embedding.text.forms, spans, embedding.token_vectors, strict=True)
    ]
