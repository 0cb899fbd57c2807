"""Check of a tokenizer's file at submission, so that what is wrong with a small one is told at once.

Large files are left to the job, which says the same of them.
"""

from __future__ import annotations

from dataclasses import replace

from app.storage.files.file_store import FileStore
from models.errors import InvalidInput
from models.tokenization.config import TokenizerConfig
from models.tokenization.tokenizer import Tokenizer

SMALL_BYTES = 2 << 20
"""Size up to which a file is read at submission: some tens of milliseconds."""
_BYTES_PER_TOKEN = 30
"""Bytes of a large file per token of its vocabulary, at the least; published ones have 60 to 130."""


def file_vocabulary_size(files: FileStore, file_id: str, config: TokenizerConfig) -> int:
    """Return the size of the vocabulary in an uploaded file, estimated where it is large.

    Raises InvalidInput, naming the field of the request, for a small file that cannot be used.
    """
    size = files.get(file_id).bytes
    if size > SMALL_BYTES:
        return size // _BYTES_PER_TOKEN
    try:
        return Tokenizer.train(replace(config, file=str(files.path(file_id))), ()).vocabulary_size
    except InvalidInput as error:
        field = "tokenizer.file" if error.field == "tokenizer" else f"tokenizer.{error.field}"
        raise InvalidInput(field, error.reason) from None
