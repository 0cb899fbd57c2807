"""Examples of requests for jobs: those of the sample text and of shipped models work as they stand."""

from __future__ import annotations

from typing import Any

SAMPLE = "file-sample"
"""Id of the text that every service has."""
UPLOADED = "file-0123456789abcdef01234567"
"""Stands for the id of a file of one's own."""
REQUEST_EXAMPLES: dict[str, Any] = {
    "ngram": {
        "summary": "Count an n-gram model",
        "value": {"name": "my-model", "kind": "ngram", "training_file": SAMPLE, "config": {"order": 3}},
    },
    "lstm": {
        "summary": "Train an LSTM",
        "value": {
            "name": "my-lstm",
            "kind": "lstm",
            "training_file": SAMPLE,
            "tokenizer": {"kind": "word", "lowercase": True, "min_count": 2},
            "config": {"hidden_size": 64, "embedding_size": 64, "epochs": 2},
        },
    },
    "feedforward": {
        "summary": "Train a feed-forward network",
        "value": {
            "name": "my-feedforward",
            "kind": "feedforward",
            "training_file": SAMPLE,
            "config": {"layers": 1, "window": 3, "hidden_size": 64, "embedding_size": 32, "epochs": 2},
        },
    },
    "fill_in": {
        "summary": "Train a model that fills blanks",
        "value": {
            "name": "my-fill",
            "kind": "fill_in",
            "training_file": SAMPLE,
            "encoder": {"cell": "lstm", "hidden_size": 64, "embedding_size": 64},
            "training": {"epochs": 2},
        },
    },
    "classifier": {
        "summary": "Train a classifier of texts, on a file of your own",
        "value": {
            "name": "my-labels",
            "kind": "classifier",
            "training_file": UPLOADED,
            "config": {"pooling": "max"},
            "encoder": {"cell": "lstm", "hidden_size": 100},
            "training": {"epochs": 6},
        },
    },
    "mixture": {
        "summary": "Mix two models, weighed by a text",
        "value": {
            "name": "my-mixture",
            "kind": "mixture",
            "members": ["gutenberg-kn@1", "gutenberg-lstm@1"],
            "validation_file": SAMPLE,
        },
    },
    "import": {
        "summary": "Publish a model in ARPA text, from a file of your own",
        "value": {"name": "my-import", "kind": "import", "file": UPLOADED, "licence": "CC-BY-4.0"},
    },
    "evaluate": {
        "summary": "Measure a model",
        "value": {"kind": "evaluate", "model": "gutenberg-kn@1", "validation_file": SAMPLE, "unit": "lines"},
    },
    "calibrate": {
        "summary": "Find thresholds of the gibberish check",
        "value": {"kind": "calibrate", "model": "gutenberg-kn@1", "validation_file": SAMPLE, "rates": [0.01, 0.05]},
    },
    "score": {
        "summary": "Score the records of a file of your own",
        "value": {"kind": "score", "model": "gutenberg-kn@1", "files": [UPLOADED]},
    },
    "select": {
        "summary": "Keep the 30 percent of the records that a model finds likeliest",
        "value": {"kind": "select", "model": "gutenberg-kn@1", "files": [UPLOADED], "config": {"lowest": 30}},
    },
    "tune": {
        "summary": "Find the weights of rescoring, on a file of your own",
        "value": {
            "kind": "tune",
            "model": "gutenberg-kn@1",
            "models": ["gutenberg-lstm@1"],
            "validation_file": UPLOADED,
        },
    },
}
"""By kind; the first is what the documentation's page fills in."""
