"""Texts in which the names of special tokens stand for these tokens, as clients write them."""

from __future__ import annotations

import re

import numpy as np

from models.inference.prefill import Ids
from models.special_tokens import EOS, UNK
from models.tokenization.raw_text import clean
from models.tokenization.tokenizer import Tokenizer


def encode_with_special(tokenizer: Tokenizer, text: str) -> Ids:
    """Return the internal ids [T] of a text, in which a special token's name is one token.

    >>> from models.tokenization.config import TokenizerConfig
    >>> letters = Tokenizer(TokenizerConfig(kind="character"), ["<unk>", "</s>", "a", "b"])
    >>> encode_with_special(letters, "ab</s>a").tolist()
    [2, 3, 1, 2]
    """
    ids = {tokenizer.names.texts[special]: special for special in (UNK, EOS)}
    pieces = re.split("(" + "|".join(map(re.escape, ids)) + ")", clean(text))
    rows = [
        np.array([ids[piece]], np.int32) if piece in ids else tokenizer.encode_batch([piece]).ids
        for piece in pieces
        if piece
    ]
    return np.concatenate([np.zeros(0, np.int32), *rows])


def decode_with_special(tokenizer: Tokenizer, ids: Ids) -> str:
    r"""Return the text of internal ids [T]: a boundary is a newline, or else its name.

    >>> from models.tokenization.config import TokenizerConfig
    >>> decode_with_special(Tokenizer(TokenizerConfig(), ["<unk>", "</s>", "a"]), np.array([2, 1, 2], np.int32))
    'a\na'
    """
    if tokenizer.encode_batch(["\n"]).ids.tolist() == [EOS]:
        return tokenizer.decode(ids.tolist())
    parts = np.split(ids, np.flatnonzero(ids == EOS))
    texts = [tokenizer.decode(part[part != EOS].tolist()) for part in parts]
    return tokenizer.names.boundary.join(texts)
