"""Counting for the nearest sentence: how rare words are in sentences, how frequent answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from models.data.labelled.examples import Question
from models.tasks.question_answering.config import NearestSentenceConfig
from models.tasks.question_answering.nearest_sentence import NearestSentence
from models.tasks.question_answering.sentences import sentence_ranges
from models.tasks.question_answering.texts import QuestionText
from models.tokenization.tokenizer import Tokenizer


def fit_nearest_sentence(
    config: NearestSentenceConfig, tokenizer: Tokenizer, examples: Sequence[Question]
) -> NearestSentence:
    """Count in how many sentences of the contexts each token occurs: idf = log((N + 1) / (n + 1))."""
    occurrences, sentences = np.zeros(tokenizer.vocabulary_size), 0
    for context in dict.fromkeys(example.context for example in examples):
        text = QuestionText.of(tokenizer, context, "?")
        ranges = sentence_ranges(text.context)
        sentences += len(ranges)
        for begin, end in ranges:
            occurrences[np.unique(text.context.ids[begin:end])] += 1
    idf = np.log((sentences + 1) / (occurrences + 1)).astype(np.float32)
    counts = Counter(answer.text for example in examples for answer in example.answers)
    answers = sorted(counts) if config.target == "answers" else []
    return NearestSentence(config, idf, answers, np.array([counts[answer] for answer in answers], np.float32))
