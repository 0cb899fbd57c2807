"""Shipped models read what people type: typographic punctuation, and markers that are text."""

from functools import cache
from pathlib import Path

import pytest

from models.checkpoint.load import Checkpoint, load
from models.evaluation.evaluator import evaluate
from models.tokenization.tokenizer import Tokenizer
from models.utils.progress import run_to_completion

CHECKPOINTS = Path(__file__).parents[3] / "checkpoints"
BOOKS = ["gutenberg-fill", "gutenberg-gru", "gutenberg-kn", "gutenberg-lstm"]
TYPED = 'He didn\u2019t go \u2014 \u201cnot now\u201d, he said\u2026 "not now".'


def tokenizer_of(name: str) -> Tokenizer:
    return Tokenizer.load(CHECKPOINTS / name / "1" / "tokenizer.json")


@cache
def shipped(name: str) -> Checkpoint:
    return load(CHECKPOINTS / name / "1")


@pytest.mark.parametrize("name", [*BOOKS, "part-of-speech", "sentiment"])
def test_shipped_word_models_know_typographic_punctuation(name: str) -> None:
    assert not tokenizer_of(name).encode(TYPED).oov.any()


@pytest.mark.parametrize("name", BOOKS)
def test_shipped_models_of_books_read_quotes_as_the_books_write_them(name: str) -> None:
    tokenizer = tokenizer_of(name)
    as_in_the_books = "He did n't go -- `` not now '' , he said ... `` not now '' ."
    assert tokenizer.encode(TYPED).ids.tolist() == tokenizer.encode(as_in_the_books).ids.tolist()
    assert tokenizer.encode("'Tis a man's life.").ids.tolist() == tokenizer.encode("'Tis a man 's life .").ids.tolist()


def test_shipped_models_take_typed_markers_for_text() -> None:
    checkpoint = shipped("gutenberg-kn")

    def perplexity(text: str) -> float:
        evaluation = run_to_completion(evaluate(checkpoint.language_model, checkpoint.tokenizer, [text], "lines"))
        return evaluation.perplexity

    marked, neutral = perplexity("I <s>never</s> said so.\n"), perplexity("I <i>never</i> said so.\n")
    assert 0.8 < marked / neutral < 1.25
