"""Figures of a classifier on labelled texts."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

import numpy as np

from models.data.labelled.examples import LabelledText
from models.errors import InvalidInput
from models.evaluation.classification import classification_figures, multi_label_figures
from models.tasks.classification.classifier import TextClassifier
from models.tasks.classification.predict import classify
from models.tokenization.tokenizer import Tokenizer


def evaluate_classifier(
    classifier: TextClassifier, tokenizer: Tokenizer, examples: Sequence[LabelledText]
) -> Generator[int, None, dict[str, Any]]:
    """Return figures of a classifier, JSON-ready; yields numbers of tokens.

    Raises InvalidInput for a label that the classifier does not have.
    """
    gold = np.zeros((len(examples), len(classifier.labels)), np.bool_)
    columns = {label: i for i, label in enumerate(classifier.labels)}
    for row, example in zip(gold, examples, strict=True):
        for label in example.labels:
            if label not in columns:
                known = ", ".join(classifier.labels)
                raise InvalidInput("files", f"line {example.line}: {label!r} is not a label of this model: {known}")
            row[columns[label]] = True
    logprobs = yield from classify(classifier, tokenizer, [example.text for example in examples])
    if classifier.multi_label:
        return multi_label_figures(gold, logprobs > np.log(0.5), classifier.labels)
    if (bad := np.flatnonzero(gold.sum(1) != 1)).size:
        raise InvalidInput("files", f"line {examples[bad[0]].line}: exactly one label is accepted")
    return classification_figures(gold.argmax(1), np.exp(logprobs, dtype=np.float64), classifier.labels)
