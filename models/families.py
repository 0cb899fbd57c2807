"""Which class reads a checkpoint of which kind: a new family adds one line here, and nothing else above it changes."""

from __future__ import annotations

from models.base import LanguageModel
from models.ngram import NgramModel
from models.recurrent import RecurrentModel

FAMILIES: dict[str, type[LanguageModel]] = {
    "ngram": NgramModel,
    "rnn": RecurrentModel,
    "lstm": RecurrentModel,
    "gru": RecurrentModel,
}
