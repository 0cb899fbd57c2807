"""Figures of question answering, as SQuAD's evaluation defines them (Rajpurkar et al. 2016 and 2018).

Answers are compared in lower case, without punctuation, articles and doubled blanks; of several right answers the one
that fits best counts. No answer, the empty text or None, is right exactly where a question has none.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Sequence

from models.errors import InvalidInput
from models.evaluation.classification import Figures, ratio

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalize_answer(text: str) -> str:
    """Return the form in which answers are compared.

    >>> normalize_answer("The  Northside, of a town!")
    'northside of town'
    """
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def exact_match(predicted: str | None, golds: Sequence[str]) -> bool:
    """Whether the answer is one of the right ones, or there is neither."""
    return normalize_answer(predicted or "") in map(normalize_answer, _comparable(golds))


def token_f1(predicted: str | None, golds: Sequence[str]) -> float:
    """Return the best F1 of the words that the answer has in common with a right one, 0 to 1.

    An answer without words after normalization has F1 1 against another one without words, and 0 against all others.
    """
    words = normalize_answer(predicted or "").split()
    return max(_f1(words, normalize_answer(gold).split()) for gold in _comparable(golds))


def _comparable(golds: Sequence[str]) -> Sequence[str]:
    """Return the right answers that have words; the empty text alone where none has."""
    return [gold for gold in golds if normalize_answer(gold)] or [""]


def _f1(words: list[str], gold_words: list[str]) -> float:
    if not words or not gold_words:
        return float(words == gold_words)
    return 2 * (Counter(words) & Counter(gold_words)).total() / (len(words) + len(gold_words))


def answer_figures(predicted: Sequence[str | None], golds: Sequence[Sequence[str]]) -> Figures:
    """Return the figures of a set of questions: finite numbers between 0 and 1, or None.

    `answerable` and `unanswerable` have the figures of the questions that have an answer, and of those that do not.
    Raises InvalidInput where there is no question.
    """
    if not golds:
        raise InvalidInput("files", "must hold questions to evaluate; there is none")
    scores = [
        (bool(right), exact_match(answer, right), token_f1(answer, right))
        for answer, right in zip(predicted, golds, strict=True)
    ]
    return {
        **_mean_scores(scores),
        "answerable": _mean_scores([score for score in scores if score[0]]),
        "unanswerable": _mean_scores([score for score in scores if not score[0]]),
    }


def _mean_scores(scores: Sequence[tuple[bool, bool, float]]) -> Figures:
    return {
        "exact_match": ratio(sum(exact for _, exact, _ in scores), len(scores)),
        "f1": ratio(sum(f1 for _, _, f1 in scores), len(scores)),
        "questions": len(scores),
    }
