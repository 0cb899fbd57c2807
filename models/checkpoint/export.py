"""Export of published models for other programs: `export_file`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias, get_args

from models.checkpoint.load import Checkpoint
from models.neural.config import NetworkFormat
from models.neural.model import RecurrentModel
from models.neural.onnx.export import export_onnx
from models.ngram.config import ExportFormat
from models.ngram.formats.export import export_table
from models.ngram.model import NgramModel

ModelFormat: TypeAlias = ExportFormat | NetworkFormat
MODEL_FORMATS: tuple[ModelFormat, ...] = (*get_args(ExportFormat), *get_args(NetworkFormat))
"""Formats in which a model is written for other programs: of n-gram models, and of recurrent ones."""
BYTES_PER_PIECE = 1 << 20
"""Bytes of a piece of a file that is made as a whole."""


def export_file(checkpoint: Checkpoint, export_format: ModelFormat, name: str) -> Iterator[bytes]:
    """Return the pieces of a file of the model, which is called `name`.

    Raises UnsupportedByModel for a model that cannot be written so, InvalidInput where a token or the model does not
    fit, at once, before the first piece.
    """
    model, tokenizer = checkpoint.model, checkpoint.tokenizer
    if export_format == "onnx":
        if not isinstance(model, RecurrentModel):
            raise checkpoint.unsupported_error("be exported as onnx: that is for recurrent models")
        return _pieces(export_onnx(model, name, tokenizer.public_ids))
    if not isinstance(model, NgramModel):
        raise checkpoint.unsupported_error(f"be exported as {export_format}: that is for n-gram models")
    pieces = export_table(model.table, tokenizer.ngram_words(), export_format, tokenizer.public_ids)
    return (piece.encode() for piece in pieces if piece)


def _pieces(content: bytes) -> Iterator[bytes]:
    return (content[begin : begin + BYTES_PER_PIECE] for begin in range(0, len(content), BYTES_PER_PIECE))
