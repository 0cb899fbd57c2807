"""Route POST /v1/models/{model}/classify: the labels of texts, and which words carried them."""

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
from app.schemas.tasks.classify import ClassifyAnswer, ClassifyRequest, classify_contents
from models.tasks.classification.classifier import TextClassifier
from models.tasks.classification.occlusion import explain_best_labels
from models.tasks.classification.predict import classify
from models.tokenization.tokenizer import Tokenizer

router = resource_router("tasks", "/v1/models")
ClassifierRequest = Annotated[ModelRequest, Depends(model_injector("sentiment", "a classifier of sentiment"))]


@router.post("/{model}/classify", response_model=ClassifyAnswer, summary="Classify texts")
@raises(*WORK_ERRORS)
async def classify_texts(request: ClassifierRequest, body: ClassifyRequest) -> OrjsonResponse:
    """Give each text the probabilities of the model's labels."""
    model, tokenizer = request.checkpoint.model, request.checkpoint.tokenizer
    if not isinstance(model, TextClassifier):
        raise request.checkpoint.unsupported_error("classify")
    texts = request.check_texts("text", body.text)
    predict = partial(_classify, model, tokenizer, explain=body.explain)
    cost = sum(_estimate_cost(request, text, body) for text in good_items(texts))
    results = await request.run_texts(("classify", body.explain), predict, texts, cost)
    return OrjsonResponse({"model": request.served.id, "results": told_errors(results, text=body.text)})


def _estimate_cost(request: ModelRequest, text: str, body: ClassifyRequest) -> int:
    """Estimate how many tokens are read for a text: with `explain`, all of it for each of its words."""
    tokens = request.estimate_tokens([text])
    return tokens * (len(text.split()) + 1) if body.explain else tokens


def _classify(
    model: TextClassifier, tokenizer: Tokenizer, texts: Sequence[str], *, explain: bool
) -> Generator[int, None, list[dict[str, Any]]]:
    """Classify texts as work of the engine; return the content for each."""
    logprobs = yield from classify(model, tokenizer, texts)
    words = (yield from explain_best_labels(model, tokenizer, texts, logprobs)) if explain else None
    return classify_contents(model.labels, logprobs, words, multi_label=model.multi_label)
