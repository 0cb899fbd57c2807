"""Export of n-gram models: the text of each format, made a piece at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from models.ngram.backoff_table import BackoffTable
from models.ngram.config import ExportFormat
from models.ngram.formats.arpa import check_writable, format_arpa
from models.ngram.formats.openfst import Labels, check_symbols, format_openfst, format_symbols, join_lines
from models.special_tokens import EOS
from models.utils.arrays import IntArray


def export_table(
    table: BackoffTable, vocabulary: Sequence[str], export_format: ExportFormat, public_ids: IntArray | None = None
) -> Iterator[str]:
    """Return the pieces of the text of `table` in a format.

    `public_ids` [V] are the ids by which others know the tokens. Raises InvalidInput at once, before the first piece,
    where a token or the model cannot be written so.
    """
    check_writable(vocabulary)
    if export_format == "arpa":
        return format_arpa(table, vocabulary)
    if export_format == "unigrams":
        return join_lines(f"{token}\n" for token in vocabulary[EOS + 1 :])
    labels = Labels.of(np.arange(len(vocabulary)) if public_ids is None else public_ids)
    if export_format == "symbols":
        check_symbols(vocabulary)
        return format_symbols(vocabulary, labels)
    return format_openfst(table, labels)
