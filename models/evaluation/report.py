"""What a model measures on a held-out text, as its card and the command line write it.

It knows units, precisions and the names of figures. It does not know how a text is scored, nor where a model is from.
"""

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
    """The figures of the held-out text, by unit; a character model has no lines."""
    units: tuple[Unit, ...] = ("document",) if held_out.kind == "character" else ("lines", "document")
    figures: dict[str, dict[str, Any]] = {}
    for unit in units:
        steps = evaluate(model, tokenizer, held_out.chunks(), unit, held_out.empty_lines)
        figures[unit] = evaluation_figures((yield from with_progress(steps)))
    return figures


def evaluation_figures(evaluation: Evaluation) -> dict[str, Any]:
    """The figures of an evaluation as a card and the command line write them: finite numbers, or None."""
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
