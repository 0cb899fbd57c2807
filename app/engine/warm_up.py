"""Warm-up: a model's first answers, computed before any client asks.

Kernels are compiled or fetched from their cache, mapped weights are read, and a model that cannot answer is found out
while its predecessor still serves.
"""

from __future__ import annotations

from models.checkpoint.load import Checkpoint
from models.evaluation.evaluator import evaluate
from models.inference.config import SamplingParams
from models.inference.generation import generate, make_sequences
from models.inference.prediction.next_token import next_tokens
from models.inference.prediction.predictions import NextTokenQuery
from models.inference.scoring import score_texts
from models.language_model import LanguageModel
from models.tokenization.tokenizer import Tokenizer
from models.utils.progress import run_to_completion


def warm_up(checkpoint: Checkpoint) -> Checkpoint:
    """Do once what the checkpoint will be asked to do, and return it. Raises whatever it fails with."""
    checkpoint.model.check()
    checkpoint.model.warm_up()
    if isinstance(checkpoint.model, LanguageModel):
        _warm_up_language_model(checkpoint.model, checkpoint.tokenizer)
    return checkpoint


def _warm_up_language_model(model: LanguageModel, tokenizer: Tokenizer) -> None:
    """Score and evaluate a little, and predict and generate where the model can."""
    text = tokenizer.decode(list(range(2, min(tokenizer.vocabulary_size, 6))))
    for texts in ([text], [text, text]):  # one text takes another path than several
        run_to_completion(score_texts(model, tokenizer, texts))
    run_to_completion(evaluate(model, tokenizer, [text], "document"))
    if not model.scores_only:
        _warm_up_distributions(model, tokenizer, text)


def _warm_up_distributions(model: LanguageModel, tokenizer: Tokenizer, text: str) -> None:
    """Predict and generate a little after `text`."""
    for texts in ([text], [text, text]):
        run_to_completion(next_tokens(model, tokenizer, texts, NextTokenQuery(top_k=1)))
    run_to_completion(next_tokens(model, tokenizer, [text], NextTokenQuery(prefix="a")))  # sorts the vocabulary
    run_to_completion(score_texts(model, tokenizer, [text], orders=True, top_logprobs=1))
    model.explain(model.begin_state(1))
    for params in (SamplingParams(max_tokens=2), SamplingParams(max_tokens=1, top_k=1)):  # with and without a filter
        for _ in generate(model, make_sequences(tokenizer, text, params)):
            pass
