"""Builder of five-choice questions from a novel: an infrequent word is blanked, four decoys offered.

The decoys fit the words before the blank: they are drawn from an order-3 model of other books, among words as
infrequent as the one that is missing (as in the challenge of Zweig and Burges 2011, whose decoys people chose from).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.model import TokenIds
from models.ngram.model import NgramModel
from models.special_tokens import EOS
from models.tokenization.tokenizer import Tokenizer

CHOICES = 5
"""Words that each question offers."""
MAX_FREQUENCY = 1e-4
"""Share of the tokens of the other books that an infrequent word has at most."""
MIN_LETTERS = 4
"""Letters of the shortest word that is blanked, all of them lower-case: shorter ones are rarely content words."""
MIN_TOKENS = 8
"""Tokens of the shortest sentence that is asked about, so that there is something to tell the word from."""


class Question(NamedTuple):
    """A sentence with a missing word."""

    line: TokenIds
    """[T] ids of the sentence, `</s>` last."""
    position: int
    """Place of the word that is asked for."""
    choices: TokenIds
    """[CHOICES] ids of the words on offer."""
    answer: int
    """Place of the right one among them."""

    def show(self, tokenizer: Tokenizer) -> str:
        """Return the sentence with its blank and, after it, the choices, the right one in capitals."""
        words = [tokenizer.vocabulary[choice] for choice in self.choices]
        words[self.answer] = words[self.answer].upper()
        before, after = self.line[: self.position], self.line[self.position + 1 : -1]
        return f"{tokenizer.decode(before)} ___ {tokenizer.decode(after)}  [{', '.join(words)}]"


def make_questions(
    tokenizer: Tokenizer, counts: NDArray[np.int64], lines: Sequence[TokenIds], model: NgramModel, seed: int
) -> list[Question]:
    """Make a question of each line that has an infrequent word; of several, one is drawn.

    `counts` [V] are those of the other books; `model` is of them too, and draws the decoys, each word once.
    """
    random = np.random.default_rng(seed)
    infrequent = infrequent_words(tokenizer, counts)
    questions = []
    for line in lines:
        places = np.flatnonzero(infrequent[line])
        if len(line) <= MIN_TOKENS or not len(places):
            continue
        place = int(random.choice(places))
        right = int(line[place])
        logprobs = model.logprobs(model.advance(model.begin_state(1), line[None, :place]))[0]
        # The largest of log-probabilities with Gumbel noise are a sample without replacement (Gumbel 1954).
        noisy = np.where(infrequent, logprobs + random.gumbel(size=len(logprobs)), -np.inf)
        noisy[right] = -np.inf
        decoys = np.argsort(-noisy)[: CHOICES - 1]
        answer = int(random.integers(CHOICES))
        questions.append(Question(line, place, np.insert(decoys, answer, right), answer))
    return questions


def infrequent_words(tokenizer: Tokenizer, counts: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which tokens [V] are infrequent words of lower-case letters."""
    words = [token.isalpha() and token.islower() and len(token) >= MIN_LETTERS for token in tokenizer.vocabulary]
    words[: EOS + 1] = [False] * (EOS + 1)
    return np.array(words) & (counts <= MAX_FREQUENCY * counts.sum())
