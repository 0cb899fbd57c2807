"""Classification of texts in chunks, so that other work can run in between."""

from __future__ import annotations

from collections.abc import Generator, Sequence

import numpy as np

from models.model import Floats
from models.tasks.classification.classifier import TextClassifier
from models.tasks.text import token_chunks, tokenize
from models.tokenization.tokenizer import Tokenizer


def classify(classifier: TextClassifier, tokenizer: Tokenizer, texts: Sequence[str]) -> Generator[int, None, Floats]:
    """Return log-probabilities [B, L] of the labels of texts; yields the tokens of each chunk done."""
    inputs = yield from tokenize(tokenizer, texts)
    results = np.empty((len(inputs), len(classifier.labels)), np.float32)
    for rows in token_chunks([len(text) for text in inputs], classifier.chunk_tokens):
        chunk = [inputs[row] for row in rows]
        results[rows] = classifier.logprobs(chunk)
        yield sum(map(len, chunk))
    return results
