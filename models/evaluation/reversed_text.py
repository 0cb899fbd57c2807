"""Evaluation of models that read from right to left."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import numpy as np

from models.data.corpus import Corpus
from models.evaluation.metrics import Evaluation, Unit, evaluation_figures
from models.evaluation.text_size import count_text
from models.inference.scoring import score_row, score_rows
from models.language_model import LanguageModel
from models.special_tokens import EOS
from models.tokenization.tokenizer import Tokenizer
from models.utils.progress import Progress, with_progress


def measure_reversed_units(
    model: LanguageModel, tokenizer: Tokenizer, held_out: Corpus
) -> Generator[Progress, None, dict[str, dict[str, Any]]]:
    """Evaluate a model of reversed text on a held-out text; return the figures by unit.

    As `measure_units` for other models, but in memory: the last token of a text has to be known first.
    """
    units: tuple[Unit, ...] = ("lines", "document") if held_out.has_lines else ("document",)
    figures: dict[str, dict[str, Any]] = {}
    for unit in units:
        evaluation = yield from with_progress(_evaluate(model, tokenizer, held_out, unit))
        figures[unit] = evaluation_figures(evaluation)
    return figures


def _evaluate(
    model: LanguageModel, tokenizer: Tokenizer, held_out: Corpus, unit: Unit
) -> Generator[int, None, Evaluation]:
    """Score a text from its end; the order of the scores does not matter to the figures."""
    result = Evaluation(unit, held_out.empty_lines, adaptive=model.adaptive)
    encodings = []
    for text in held_out.chunks():
        encodings.append(tokenizer.encode(text))
        result = count_text(result, text, encodings[-1], tokenizer)
    ends = [] if tokenizer.config.text_end else [EOS]
    ids = np.concatenate([*(encoding.ids for encoding in encodings), np.array(ends, np.int32)])
    oov = np.concatenate([*(encoding.oov for encoding in encodings), np.zeros(len(ends), np.bool_)])
    ids, oov = np.roll(ids[::-1], -1), np.roll(oov[::-1], -1)
    begin = model.begin_state(1)
    if unit == "document":
        scores, _ = yield from score_row(model, begin, ids)
        return result.add_tokens(scores, oov)
    lines = np.split(ids, np.flatnonzero(ids == EOS) + 1)
    parts = yield from score_rows(model, begin, [line for line in lines if len(line)])
    return result.add_tokens(np.concatenate(parts), oov)
