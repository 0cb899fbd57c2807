"""Tokens of a SentencePiece `.model`, split by the `sentencepiece` library: `SentencePieceModel`.

The library is imported where a model is read, so that nobody else waits 90 ms for it.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from models.errors import InvalidInput, InvalidText
from models.threads import thread_count
from models.tokenization.config import TokenizerConfig
from models.tokenization.encoding import TokenModel
from models.tokenization.foreign.file_vocabulary import FileVocabulary
from models.tokenization.foreign.model import ForeignModel, TokenSpan, is_special
from models.tokenization.foreign.piece_file import PieceFile
from models.tokenization.foreign.piece_pipeline import build_piece_pipeline
from models.tokenization.foreign.spelling import Spelling

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from sentencepiece import SentencePieceProcessor

DOCUMENT_TYPE = "SentencePiece"
"""Type of the model in a `tokenizer.json` that other programs cannot read."""
_LINES_PER_THREAD = 100
"""Lines that are worth a thread of their own."""
_UNREADABLE = "must be text that the tokenizer's file can split"
_SPELLING = Spelling(meta_space=True)


class SentencePieceModel(ForeignModel):
    """Splitter of text into the pieces of a SentencePiece model, unigram or BPE, as `spm_encode` does."""

    def __init__(self, config: TokenizerConfig, proto: bytes) -> None:
        """Read the content of a `.model`. Raises InvalidInput for anything else."""
        self._proto = proto
        self._processor = processor = _parse(proto)
        with _raising(InvalidInput, "tokenizer", "must be a SentencePiece model, and the file is damaged"):
            tokens = {i: processor.id_to_piece(i) for i in range(processor.get_piece_size())}
        self._bytes = {i for i in tokens if processor.is_byte(i)}
        special = [piece for i, piece in tokens.items() if processor.is_control(i) and i != processor.pad_id()]
        unknown = tokens.get(processor.unk_id())
        super().__init__(config, FileVocabulary.of_file(tokens, special, unknown, config.boundary))

    def encode_lines(self, lines: list[str]) -> list[NDArray[np.int32]]:
        """Return the file's ids of each of `lines`; many lines are split on several threads."""
        threads = min(thread_count(), 1 + len(lines) // _LINES_PER_THREAD)
        with _raising(InvalidText, "text", _UNREADABLE):
            rows: list[NDArray[np.int32]] = self._processor.encode(lines, return_type="numpy", num_threads=threads)
        return rows

    def line_spans(self, line: str) -> list[TokenSpan]:
        """Return the pieces of a line with their places; bytes of one character have the whole of it."""
        with _raising(InvalidText, "text", _UNREADABLE):
            mapping = self._processor.encode(line, return_type="offset_mapping")
        spans: list[TokenSpan] = []
        character = (0, 0)
        for file_id, (begin, end) in zip(reversed(mapping["ids"]), reversed(mapping["offsets"]), strict=True):
            if begin == end == character[0] and file_id in self._bytes:  # the last byte has the character's place
                begin, end = character
            character = (begin, end)
            spans.append(TokenSpan(file_id, begin, end))
        return spans[::-1]

    def decode_line(self, file_ids: list[int]) -> str:
        """Return the text of pieces, as `spm_decode` does."""
        with _raising(InvalidText, "text", _UNREADABLE):
            return str(self._processor.decode(file_ids))

    def token_bytes(self, token: int) -> bytes:
        """Return the UTF-8 bytes that a piece writes inside a text; of a special token, those of its name."""
        name = self.vocabulary[token]
        return name.encode() if is_special(token) else _SPELLING.to_bytes(name)

    def is_equivalent_to(self, other: TokenModel) -> bool:
        """Whether both come of equal files and have one boundary."""
        return (
            isinstance(other, SentencePieceModel)
            and (self.vocabulary, self._proto) == (other.vocabulary, other._proto)
            and replace(self.config, min_count=1, max_size=None) == replace(other.config, min_count=1, max_size=None)
        )

    def document(self) -> dict[str, Any]:
        """Return the file as text, with our settings beside it, in a pipeline that `tokenizers` reads.

        Where there is none, other programs cannot read the document.
        """
        own = {"file": base64.b64encode(self._proto).decode(), "nextword": asdict(self.config)}
        try:
            document = self.pipeline_document()
        except InvalidInput:
            return {"model": {"type": DOCUMENT_TYPE, **own}}
        return document | {"model": document["model"] | own}

    def pipeline_document(self) -> dict[str, Any]:
        """See `TokenModel`; the pieces and steps are read from the file."""
        document: dict[str, Any] = json.loads(build_piece_pipeline(PieceFile.parse(self._proto)).to_str())
        return document

    @classmethod
    def from_document(cls, config: TokenizerConfig, document: dict[str, Any]) -> SentencePieceModel:
        """Build the model whose `document` this is. Raises InvalidInput."""
        try:
            return cls(config, base64.b64decode(document["model"]["file"], validate=True))
        except binascii.Error as error:
            raise InvalidInput("file", f"must hold a SentencePiece model in base64 ({error})") from None


@contextmanager
def _raising(error: type[InvalidInput], field: str, message: str) -> Iterator[None]:
    """Raise `error` for a failure of the library, as a file with impossible pieces causes."""
    try:
        yield
    except (RuntimeError, UnicodeError) as cause:
        raise error(field, f"{message} ({cause})") from None


def _parse(proto: bytes) -> SentencePieceProcessor:
    from sentencepiece import SentencePieceProcessor

    processor = SentencePieceProcessor()
    try:
        processor.LoadFromSerializedProto(proto)
        if processor.get_piece_size() < 1:
            raise RuntimeError("it holds no pieces")
    except RuntimeError as error:
        raise InvalidInput(
            "tokenizer", f"must be a SentencePiece model, and the file cannot be read: {error}"
        ) from None
    return processor
