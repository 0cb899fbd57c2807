"""The `tokenizer.json` of our own kinds of tokens: a Hugging Face file with our settings beside it.

They stand under `model.nextword`. Plain `tokenizers` reads the file and gives the same ids.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from tokenizers import Tokenizer as HuggingFaceTokenizer
from tokenizers import decoders

from models.errors import InvalidInput
from models.special_tokens import EOS_TOKEN, SPECIAL_TOKENS
from models.tokenization.config import TokenizerConfig
from models.tokenization.definition.pipeline import Merges, boundary_spelling, build_pipeline, pipeline_ids

_NO_PREFIX = "\ufdd0"
"""Mark of a token that goes on a word: a code point that is no character, as no token does."""


def own_document(config: TokenizerConfig, vocabulary: Sequence[str], merges: Merges) -> dict[str, Any]:
    """Return the content of the file of a tokenizer."""
    document: dict[str, Any] = json.loads(build_pipeline(config, SPECIAL_TOKENS).to_str())
    document["model"]["vocab"] = pipeline_ids(config, vocabulary)
    if merges:
        document["model"]["merges"] = list(merges)
    # The pipeline does not hold the settings of training. Only under "model" does `tokenizers` accept other keys.
    document["model"]["nextword"] = asdict(config)
    return document


def plain_document(config: TokenizerConfig, document: dict[str, Any]) -> dict[str, Any]:
    """Return the content of a file without our settings, and with a decoder, for other programs.

    Words are joined by blanks, but for common English punctuation and contractions.
    """
    pipeline = HuggingFaceTokenizer.from_str(json.dumps(document))
    if config.kind == "word":
        pipeline.decoder = decoders.WordPiece(prefix=_NO_PREFIX, cleanup=True)
    if config.kind == "character":
        pipeline.decoder = decoders.Fuse()
    plain: dict[str, Any] = json.loads(pipeline.to_str())
    return plain


def stored_config(document: dict[str, Any]) -> TokenizerConfig:
    """Return the settings in a file's content. Raises InvalidInput for values that are not accepted."""
    # Files written before there were editions of the rules have the first.
    return TokenizerConfig(**({"rules": 1} | document["model"]["nextword"]))


def read_own_document(document: dict[str, Any]) -> tuple[TokenizerConfig, list[str], Merges]:
    """Return settings, vocabulary and merges of a file's content. Raises as `read_document` does."""
    config = stored_config(document)
    ids: dict[str, int] = document["model"]["vocab"]
    if boundary_spelling(config) in ids:
        ids[EOS_TOKEN] = ids.pop(boundary_spelling(config))
    vocabulary = sorted(ids, key=ids.__getitem__)
    if sorted(ids.values()) != list(range(len(ids))):
        raise InvalidInput("vocab", "must number its tokens from 0 on, each once")
    merges = [(left, right) for left, right in document["model"].get("merges", [])]
    document["model"] |= {"merges": []} if config.kind == "bpe" else {}
    document["model"]["vocab"] = pipeline_ids(config, SPECIAL_TOKENS)
    # Reading the file with `tokenizers` also fills in the fields that its later versions write.
    pipeline = HuggingFaceTokenizer.from_str(json.dumps(document))
    if pipeline.to_str() != build_pipeline(config, SPECIAL_TOKENS).to_str():
        raise InvalidInput("pre_tokenizer", "must cut text as the settings beside it say")
    return config, vocabulary, merges
