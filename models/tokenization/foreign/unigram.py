"""Tokens of kind `unigram`: pieces of words by a unigram language model (Kudo 2018).

SentencePiece learns and splits: `train_unigram` and `UnigramModel`. The vocabulary holds every byte, so that no text
is unknown, and blanks are part of the pieces, so that text comes back as it was. Kept are the pieces with which the
training text is most probable.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import InvalidInput, TrainingFailed
from models.special_tokens import EOS, EOS_TOKEN, SPECIAL_TOKENS, UNK, UNK_TOKEN
from models.tokenization.config import DEFAULT_BPE_SIZE, TokenizerConfig
from models.tokenization.definition.normalization import TextNormalizer
from models.tokenization.definition.pipeline import build_pipeline
from models.tokenization.encoding import SpecialNames
from models.tokenization.foreign.piece_file import PieceFile
from models.tokenization.foreign.piece_pipeline import build_piece_pipeline
from models.tokenization.foreign.sentence_piece import SentencePieceModel
from models.tokenization.offsets import pipeline_offsets
from models.utils.arrays import Int64Array

_MAX_LINE_CHARS = 1000
"""Characters of a line that are learned from at once; SentencePiece leaves out lines of more than 4,192 bytes."""
_MAX_LINES = 1_000_000
"""Lines that are learned from, at most: the arrays of SentencePiece take some 20 bytes a character."""
_TOO_SMALL = re.compile(r"smaller than required_chars\. \d+ vs (\d+)")
_THREADS = 16
"""Shares in which counts are added up. Another number may give other pieces, where two are equally good."""


class UnigramModel(SentencePieceModel):
    """Splitter of text into pieces by a vocabulary that `train_unigram` made. Its ids are our own."""

    def __init__(self, config: TokenizerConfig, proto: bytes) -> None:
        """Raises InvalidInput for a model that is not of this kind."""
        super().__init__(TokenizerConfig(kind="file"), proto)
        self.normalizer = TextNormalizer(config)
        if self.vocabulary[: EOS + 1] != SPECIAL_TOKENS or self.file.public_ids[UNK] != UNK:
            raise InvalidInput("vocabulary", f"must begin with {UNK_TOKEN} and {EOS_TOKEN}")
        self.config = config
        self.public_ids = None

    def encode(self, text: str) -> NDArray[np.int32]:
        """Return the ids [T] of `text`."""
        return super().encode(self.normalizer(text))

    def split(self, text: str) -> list[str]:
        """Return the pieces [T] of `text`, aligned with `encode(text)`."""
        return super().split(self.normalizer(text))

    def offsets(self, text: str, surface_forms: Sequence[str]) -> Int64Array:
        """Return begin and end of each piece [T, 2], in characters of the text before it was changed."""
        normalized = self.normalizer(text)
        offsets = super().offsets(normalized, surface_forms)
        if normalized == text or not len(offsets):
            return offsets
        characters = pipeline_offsets(build_pipeline(replace(self.config, kind="character"), SPECIAL_TOKENS), text)
        begins, ends = np.append(characters[:, 0], len(text)), np.append(0, characters[:, 1])
        return np.stack([begins[offsets[:, 0]], ends[offsets[:, 1]]], axis=1)

    def pipeline_document(self) -> dict[str, Any]:
        """See `TokenModel`; a newline is `</s>`."""
        pipeline = build_piece_pipeline(PieceFile.parse(self._proto), self.normalizer.steps, newline=True)
        document: dict[str, Any] = json.loads(pipeline.to_str())
        return document

    def special_names(self) -> SpecialNames:
        """See `TokenModel`; no text is unknown."""
        return SpecialNames(None, "\n")


def train_unigram(config: TokenizerConfig, text: Iterable[str]) -> UnigramModel:
    """Learn a vocabulary of `text`, in chunks of whole lines; raises TrainingFailed where there is none."""
    from sentencepiece import SentencePieceTrainer

    proto = io.BytesIO()
    try:
        SentencePieceTrainer.train(
            sentence_iterator=_lines(map(TextNormalizer(config), text)),
            model_writer=proto,
            model_type="unigram",
            vocab_size=config.max_size or DEFAULT_BPE_SIZE,
            hard_vocab_limit=False,
            byte_fallback=True,
            normalization_rule_name="identity",
            remove_extra_whitespaces=False,
            add_dummy_prefix=False,
            unk_id=0,
            eos_id=1,
            bos_id=-1,
            pad_id=-1,
            unk_piece=UNK_TOKEN,
            eos_piece=EOS_TOKEN,
            input_sentence_size=_MAX_LINES,
            shuffle_input_sentence=False,
            num_threads=_THREADS,
            minloglevel=2,
        )
    except (RuntimeError, OSError) as error:
        raise TrainingFailed(f"no vocabulary can be built of the training text: {_plain_reason(error)}") from None
    return UnigramModel(config, proto.getvalue())


def _plain_reason(error: Exception) -> str:
    """Return what SentencePiece says, in plain words where it speaks of its own code and settings."""
    message = str(error)
    if sizes := _TOO_SMALL.search(message):
        return f"its characters alone, and 256 bytes, need a max_size of {sizes[1]}"
    return "it holds no text" if "sentences_.empty()" in message else message


def _lines(text: Iterable[str]) -> Iterator[str]:
    """Yield the lines of `text`, long ones in parts."""
    for chunk in text:
        for line in chunk.split("\n"):
            yield from (line[i : i + _MAX_LINE_CHARS] for i in range(0, len(line), _MAX_LINE_CHARS))
