"""Fillings of a fill-in model, which tells one blank at a time; the blanks are filled in their order.

Each blank is told from the fillings of those before it, while those after it read as `<unk>`. The score of a filling is
the sum of its log-probabilities, each among the candidates of its blank, so that all fillings together sum to one,
but for those after which no candidate is possible.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence

import numpy as np

from models.errors import InvalidInput
from models.model import Floats, TokenIds
from models.special_tokens import UNK
from models.tasks.fill_in.blanks import BlankedText, Candidates
from models.tasks.fill_in.fill_in_model import FillInModel
from models.tasks.fill_in.query import FillQuery
from models.tasks.fill_in.text_probability import ScoredFillings
from models.utils.arrays import log_softmax


def predict_fillings(
    model: FillInModel, text: BlankedText, candidates: Sequence[Candidates], query: FillQuery
) -> Generator[int, None, ScoredFillings]:
    """Score fillings of a text by what `model` says of each blank; yields the tokens of each chunk.

    Raises InvalidInput for a candidate of several tokens: a fill-in model tells one token at a time.
    """
    for choices in candidates:
        if (choices.lengths > 1).any():
            word = choices.word(int(np.flatnonzero(choices.lengths > 1)[0]))
            message = f"must be single tokens of this model, and {word!r} is more than one; a language model takes it"
            raise InvalidInput("candidates", message)
    beam, scores, exact = np.zeros((1, 0), np.int64), np.zeros(1), True
    for blank, choices in enumerate(candidates):
        kept = np.sort(np.argsort(-scores, kind="stable")[: query.beam])
        exact = exact and len(kept) == len(scores)
        beam, scores = beam[kept], scores[kept]
        gains = yield from _score_blank(model, text, candidates, beam, blank)
        scores = (scores[:, None] + gains).reshape(-1)
        numbers = np.tile(np.arange(len(choices)), len(beam))
        beam = np.concatenate([np.repeat(beam, len(choices), 0), numbers[:, None]], 1)
    return ScoredFillings(beam, scores, exact)


def _score_blank(
    model: FillInModel, text: BlankedText, candidates: Sequence[Candidates], beam: TokenIds, blank: int
) -> Generator[int, None, Floats]:
    """Return log P [N, C] of a blank's choices after each of N fillings [N, blank] of those before it."""
    choices = candidates[blank].tokens[:, 0]
    position = sum(map(len, text.segments[: blank + 1])) + blank
    unknown = [np.array([UNK])] * (len(candidates) - blank)
    texts = []
    for filling in beam.tolist():
        before = [part.ids(choice) for part, choice in zip(candidates, filling, strict=False)]
        texts.append(text.filled([*before, *unknown]))
    parts, size = [], max(1, model.chunk_tokens // len(texts[0]))
    for begin in range(0, len(texts), size):
        chunk = texts[begin : begin + size]
        parts += [rows[:, choices] for rows in model.sliced_logprobs(chunk, [np.array([position])] * len(chunk))]
        yield sum(map(len, chunk))
    return _normalize(np.concatenate(parts))


def _normalize(rows: Floats) -> Floats:
    """Return log-probabilities [N, C] of the choices among themselves; rows of -inf stay as they are."""
    possible = np.isfinite(rows).any(1)
    normalized = np.full_like(rows, -np.inf)
    normalized[possible] = log_softmax(rows[possible])
    return normalized
