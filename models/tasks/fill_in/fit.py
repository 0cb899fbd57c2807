"""Making a fill-in network of plain text."""

from __future__ import annotations

import time
from collections.abc import Generator

from models.data.corpus import Corpus
from models.tasks.fill_in.config import FillInConfig
from models.tasks.fill_in.evaluate import encode_lines
from models.tasks.fill_in.train import FillInProblem, Lines
from models.tasks.training.options import FitOptions, FittedModel
from models.tasks.training.train import train_with
from models.tokenization.tokenizer import Tokenizer
from models.utils.progress import Progress


def fit_fill_in(
    config: FillInConfig, text: Corpus, held_out: Corpus | None, options: FitOptions
) -> Generator[Progress, None, FittedModel]:
    """Train a fill-in network on the lines of `text`; `held_out`, where given, chooses the best weights.

    Raises InvalidInput for an encoder that does not suit (`check_encoder`), TrainingFailed where there is no line.
    """
    began = time.monotonic()
    yield Progress("reading", 0, 0)
    initial = options.initial.tokenizer if options.initial else None
    tokenizer = initial or Tokenizer.train(options.tokenizer, text.chunks())
    lines, unknown = encode_lines(text, tokenizer, config.max_tokens)
    measured = None if held_out is None else Lines(*encode_lines(held_out, tokenizer))
    problem = FillInProblem(config, options.encoder, tokenizer.vocabulary_size, lines, measured)
    result = yield from train_with(problem, options, tokenizer, problem.initial_arrays())
    figures: dict[str, float] = {"token_count": int(problem.lengths.sum()), "lines": len(lines)}
    figures |= {"oov_count": int(sum(part.sum() for part in unknown)), **result.card_metrics}
    figures["seconds"] = round(time.monotonic() - began, 1)
    return FittedModel(result.model, tokenizer, {"training": figures})
