"""Figures of an evaluation by name, as cards, the command line and HTTP answers write them."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from models.data.corpus import Corpus
from models.evaluation.evaluator import evaluate
from models.evaluation.metrics import Evaluation, Unit
from models.language_model import LanguageModel
from models.tokenization.tokenizer import Tokenizer
from models.utils.progress import Progress, with_progress


def measure_units(
    model: LanguageModel, tokenizer: Tokenizer, held_out: Corpus
) -> Generator[Progress, None, dict[str, dict[str, Any]]]:
    """Evaluate `model` on a held-out text in every unit it has; return the figures by unit."""
    units: tuple[Unit, ...] = ("document",) if held_out.kind == "character" else ("lines", "document")
    figures: dict[str, dict[str, Any]] = {}
    for unit in units:
        steps = evaluate(model, tokenizer, held_out.chunks(), unit, held_out.empty_lines)
        figures[unit] = evaluation_figures((yield from with_progress(steps)))
    return figures


def evaluation_figures(evaluation: Evaluation) -> dict[str, Any]:
    """Return the figures of an evaluation by name: finite numbers, or None."""
    return {
        "perplexity": evaluation.perplexity,
        "perplexity_without_oov": evaluation.perplexity_without_oov,
        "perplexity_per_word": evaluation.perplexity_per_word,
        "bits_per_character": evaluation.bits_per_character,
        "bits_per_byte": evaluation.bits_per_byte,
        "token_count": evaluation.token_count,
        "oov_count": evaluation.oov_count,
        "word_count": evaluation.word_count,
        "empty_lines": evaluation.empty_lines,
        "adaptive": evaluation.adaptive,
    }
