"""Descriptions of fields: from the string below each, in the class and in its bases."""

from app.core.attribute_docs import attribute_docs
from models.neural.training.config import TrainingConfig
from models.ngram.config import NgramConfig


def test_attribute_docs_are_the_strings_below_the_fields() -> None:
    assert "n-gram" in attribute_docs(NgramConfig)["order"]


def test_attribute_docs_include_those_of_bases() -> None:
    docs = attribute_docs(TrainingConfig)
    assert docs["bptt"].startswith("Tokens through which the gradient flows back")
    assert "sqrt(1 / n)" in docs["initialisation"]
