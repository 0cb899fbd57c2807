"""Route POST /v1/models/{model}/tag: a tag for each token of texts, and the spans that tags mark."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from functools import partial
from typing import Annotated, Any

from fastapi import Depends

from app.engine.isolation import good_items
from app.http.declared_errors import raises
from app.http.item_errors import told_errors
from app.http.responses import OrjsonResponse
from app.routes.dependencies import WORK_ERRORS, ModelRequest, model_injector
from app.routes.router import resource_router
from app.schemas.tasks.tag import TagAnswer, TagRequest, tag_content, tag_probabilities
from models.errors import InvalidInput
from models.tasks.tagging.predict import tag_texts
from models.tasks.tagging.tagger import Tagger
from models.tokenization.tokenizer import Tokenizer

router = resource_router("tasks", "/v1/models")
TaggerRequest = Annotated[ModelRequest, Depends(model_injector("part-of-speech", "a tagger of parts of speech"))]


@router.post("/{model}/tag", response_model=TagAnswer, summary="Tag texts")
@raises(*WORK_ERRORS)
async def tag(request: TaggerRequest, body: TagRequest) -> OrjsonResponse:
    """Give each token of each text a tag, and tell which spans the tags mark."""
    model, tokenizer = request.checkpoint.model, request.checkpoint.tokenizer
    if not isinstance(model, Tagger):
        raise request.checkpoint.unsupported_error("tag")
    texts = request.check_texts("text", body.text)
    tokens, most = request.estimate_tokens(good_items(texts)), request.settings.max_rows
    if body.probabilities and tokens * len(model.tags) > most:
        raise InvalidInput("probabilities", f"at most {most} in one answer: {len(model.tags)} tags for each token")
    predict = partial(_tag, model, tokenizer, all_tags=body.probabilities)
    results = await request.run_texts(("tag", body.probabilities), predict, texts, tokens * model.token_cost)
    return OrjsonResponse({"model": request.served.id, "results": told_errors(results, text=body.text)})


def _tag(
    tagger: Tagger, tokenizer: Tokenizer, texts: Sequence[str], *, all_tags: bool
) -> Generator[int, None, list[dict[str, Any]]]:
    """Tag texts as work of the engine; return the content for each."""
    tagged = yield from tag_texts(tagger, tokenizer, texts)
    contents = []
    for text in tagged:
        contents.append(tag_content(text))
        if all_tags:
            for token, probabilities in zip(contents[-1]["tokens"], tag_probabilities(text, tagger.tags), strict=True):
                token["probabilities"] = probabilities
        yield 0
    return contents
