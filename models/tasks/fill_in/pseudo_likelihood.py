"""Pseudo-log-likelihood: each token of a text told from all the others.

The sum is no log-probability of the text, for the factors do not multiply to one distribution (Besag 1975), but it
ranks texts of equal length, and models (Salazar et al. 2020).
"""

from __future__ import annotations

from collections.abc import Generator, Sequence

import numpy as np

from models.errors import UnsupportedByModel
from models.model import Model
from models.special_tokens import EOS
from models.tasks.fill_in.evaluate import measure_fill_in
from models.tasks.fill_in.fill_in_model import FillInModel
from models.tasks.fill_in.query import PseudoScore
from models.tokenization.raw_text import clean
from models.tokenization.tokenizer import Tokenizer


def pseudo_logprob(model: Model, tokenizer: Tokenizer, texts: Sequence[str]) -> Generator[int, None, list[PseudoScore]]:
    """Score each text token by token, its end left out; yields tokens done.

    Raises UnsupportedByModel for a model that tells no token from both sides: a language model has a true probability.
    """
    if not isinstance(model, FillInModel):
        raise UnsupportedByModel(
            "model", f"a {model.kind} model has no pseudo-log-likelihood: it is for fill-in models"
        )
    tokens = [tokenizer.encode_with_surfaces(clean(text)) for text in texts]
    lines = [np.array([*text.ids, EOS], np.int64) for text in tokens]
    masked = yield from measure_fill_in(model, lines, [np.zeros(len(line), np.bool_) for line in lines])
    scores = np.split(masked.logprobs, np.cumsum([len(text.ids) for text in tokens])[:-1])
    shown = [tokenizer.names.of_text(*text) for text in tokens]
    rows = zip(shown, tokens, scores, strict=True)
    return [PseudoScore(list(forms), text.oov, part.tolist()) for forms, text, part in rows]
