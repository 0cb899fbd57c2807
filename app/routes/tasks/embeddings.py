"""Routes POST /v1/embeddings and /m/{model}/v1/embeddings: vectors of texts, in OpenAI's shape."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from functools import partial
from typing import Annotated, Any

from fastapi import Depends, Request

from app.engine.isolation import good_items
from app.http.declared_errors import raises
from app.http.item_errors import told_errors
from app.http.responses import OrjsonResponse
from app.routes.dependencies import MODEL_ERRORS, WORK_ERRORS, ModelRequest, build_model_request, model_injector
from app.routes.router import resource_router
from app.schemas.tasks.embeddings import (
    EmbeddingsAnswer,
    EmbeddingsRequest,
    ModelEmbeddingsRequest,
    vector_content,
)
from models.checkpoint.load import Checkpoint
from models.errors import InvalidInput
from models.tasks.embedding.encode import vector_size
from models.tasks.embedding.predict import Embedding, embed
from models.tasks.text import encode_raw_text
from models.tokenization.tokenizer import Tokenizer

router = resource_router("tasks")
EmbeddingModelRequest = Annotated[ModelRequest, Depends(model_injector("sentiment", "a classifier of sentiment"))]


@router.post("/v1/embeddings", response_model=EmbeddingsAnswer, summary="Embed texts")
@raises(*MODEL_ERRORS, *WORK_ERRORS)
async def embed_texts(request: Request, body: EmbeddingsRequest) -> OrjsonResponse:
    """Give each text a vector: that of a recurrent language model, a classifier, a tagger and so on.

    Texts that mean alike to the model have vectors that point alike: compare them by the cosine of their angle.
    """
    return await embed_with_model(await build_model_request(request, body.model), body)


@router.post(
    "/m/{model}/v1/embeddings", response_model=EmbeddingsAnswer, summary="Embed texts with the model of the path"
)
@raises(*WORK_ERRORS)
async def embed_model_texts(request: EmbeddingModelRequest, body: ModelEmbeddingsRequest) -> OrjsonResponse:
    """Give each text a vector as `/v1/embeddings` does, with the model of the path.

    A model in the body is not looked at.
    """
    return await embed_with_model(request, body)


async def embed_with_model(request: ModelRequest, body: EmbeddingsRequest) -> OrjsonResponse:
    """Answer a request whose model has been found."""
    texts = _check(request, body)
    question = ("embed", body.encoding_format, body.pooling, body.per_token)
    predict = partial(_embed, request.checkpoint, body)
    results = await request.run_texts(question, predict, texts, request.estimate_tokens(good_items(texts)))
    contents = [result if isinstance(result, InvalidInput) else result[0] for result in results]
    data = [
        {"object": "embedding", "index": i, "embedding": None} | content
        for i, content in enumerate(told_errors(contents, input=body.input))
    ]
    tokens = sum(count for _, count in good_items(results))
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return OrjsonResponse({"object": "list", "data": data, "model": request.served.id, "usage": usage})


def _check(request: ModelRequest, body: EmbeddingsRequest) -> Sequence[str | InvalidInput]:
    """Return the texts, or errors in their places. Raises InvalidInput for a bad request."""
    model, tokenizer, most = request.checkpoint.model, request.checkpoint.tokenizer, request.settings.max_rows
    if "embed" not in model.capabilities:
        raise request.checkpoint.unsupported_error("embed")
    size = vector_size(model)
    if body.dimensions not in (None, size):
        raise InvalidInput("dimensions", f"the vectors of this model have {size} numbers; none but that is accepted")
    texts = request.check_texts("input", body.input)
    if body.per_token and (count := len(tokenizer.encode_batch(good_items(texts), add_eos=True).ids)) * size > most:
        raise InvalidInput("per_token", f"{count} vectors of {size} numbers are more than {most} numbers in all")
    return texts


def _embed(
    checkpoint: Checkpoint, body: EmbeddingsRequest, texts: Sequence[str]
) -> Generator[int, None, list[tuple[dict[str, Any], int]]]:
    """Embed texts as work of the engine; return the content for each, and the number of its tokens."""
    tokenizer, results = checkpoint.tokenizer, []
    embeddings = yield from embed(checkpoint.model, tokenizer, texts, body.pooling, per_token=body.per_token)
    for text, embedding in zip(texts, embeddings, strict=True):
        content: dict[str, Any] = {"embedding": vector_content(embedding.vector, body.encoding_format)}
        if body.per_token:
            content["tokens"] = _token_contents(tokenizer, text, embedding, body)
            yield 0
        results.append((content, len(embedding.text)))
    return results


def _token_contents(
    tokenizer: Tokenizer, text: str, embedding: Embedding, body: EmbeddingsRequest
) -> list[dict[str, Any]]:
    """Return the JSON content of each token of a text, `</s>` after its end included."""
    assert embedding.token_vectors is not None, "asked for"
    spans = [*encode_raw_text(tokenizer, text).offsets.tolist(), [len(text), len(text)]]
    shown = embedding.text.shown(tokenizer.names)
    return [
        {"token": form, "begin": begin, "end": end, "embedding": vector_content(vector, body.encoding_format)}
        for form, (begin, end), vector in zip(shown, spans, embedding.token_vectors, strict=True)
    ]
