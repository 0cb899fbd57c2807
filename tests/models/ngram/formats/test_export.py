"""Formats of an export, in pieces, and what is refused before the first."""

import numpy as np
import pytest

from models.errors import InvalidInput
from models.ngram.config import NgramConfig
from models.ngram.formats.export import export_table
from tests.helpers.estimation import estimate_model

VOCABULARY = ["<unk>", "</s>", "a", "b"]
TABLE = estimate_model([[2, 3], [3]], NgramConfig(2), 4).table


def test_export_table_writes_each_format_in_pieces() -> None:
    assert "".join(export_table(TABLE, VOCABULARY, "unigrams")) == "a\nb\n"
    assert next(export_table(TABLE, VOCABULARY, "arpa")) == "\\data\\\nngram 1=5\nngram 2=4\n"
    assert "".join(export_table(TABLE, VOCABULARY, "symbols", np.array([7, 0, 5, 6]))).splitlines()[1] == "a\t5"
    assert next(export_table(TABLE, VOCABULARY, "openfst")).split("\t")[0] == "1"


@pytest.mark.parametrize("export_format", ["arpa", "unigrams", "symbols", "openfst"])
def test_export_table_refuses_tokens_before_the_first_piece(export_format) -> None:
    with pytest.raises(InvalidInput, match="vocabulary"):
        export_table(TABLE, ["<unk>", "</s>", "a b", "b"], export_format)


def test_export_table_refuses_longer_ngrams_before_the_first_piece() -> None:
    with pytest.raises(InvalidInput, match="order 3"):
        export_table(estimate_model([[2, 3]], NgramConfig(3), 4).table, VOCABULARY, "openfst")
