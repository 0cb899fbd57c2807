"""Definition of a token: the Hugging Face `tokenizers` pipeline of each tokenizer configuration.

Every faster way of splitting text is tested to give the same tokens as this pipeline.

White space is what has the Unicode property White_Space, nothing more: U+001C to U+001F, which Python's `str.split`
splits at, are not. White space separates tokens and is part of none, except for character tokenizers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

from tokenizers import AddedToken, Regex, Tokenizer, decoders, normalizers, pre_tokenizers
from tokenizers.models import BPE, WordLevel

from models.special_tokens import EOS, EOS_TOKEN, UNK_TOKEN
from models.tokenization.config import TokenizerConfig
from models.tokenization.definition.normalization import TextNormalizer
from models.tokenization.definition.word_patterns import PRETOKENIZED_PATTERN, word_pattern
from models.tokenization.raw_text import no_panic

Merges: TypeAlias = Sequence[tuple[str, str]]
"""Pairs of neighbouring tokens that bpe merges into one, in the order in which it does."""
PARAGRAPH_BREAK = r"\n(?:[^\S\n]*\n)+"
"""Pattern of a line's end with blank lines after it, in Oniguruma's syntax: `</s>` where paragraphs are texts."""


def build_pipeline(config: TokenizerConfig, vocabulary: Sequence[str], merges: Merges = ()) -> Tokenizer:
    """Build the Hugging Face tokenizer of `config` that maps token i of `vocabulary` to id i."""
    ids = pipeline_ids(config, vocabulary)
    tokenizer = Tokenizer(BPE(ids, list(merges)) if config.kind == "bpe" else WordLevel(ids, unk_token=UNK_TOKEN))
    if config.kind == "bpe":
        tokenizer.add_tokens([AddedToken(token, normalized=True, special=False) for token in added_tokens(config)])
        tokenizer.decoder = decoders.ByteLevel()
    steps = TextNormalizer(config).steps
    tokenizer.normalizer = normalizers.Sequence([*_boundary_steps(config), *steps])
    tokenizer.pre_tokenizer = _pre_tokenizer(config)
    return tokenizer


def pipeline_ids(config: TokenizerConfig, vocabulary: Sequence[str]) -> dict[str, int]:
    """Return the ids of a vocabulary by token as the pipeline spells it."""
    return {token: i for i, token in enumerate(pipeline_tokens(config, vocabulary))}


def pipeline_tokens(config: TokenizerConfig, tokens: Iterable[str]) -> list[str]:
    """Return tokens as the pipeline spells them.

    From edition 2 on it spells `</s>` as what that stands for in text: the newline gives it, a typed `</s>` does not.
    """
    boundary = boundary_spelling(config)
    return [boundary if token == EOS_TOKEN else token for token in tokens]


def boundary_spelling(config: TokenizerConfig) -> str:
    """Return how the pipeline and its vocabulary spell `</s>`."""
    return EOS_TOKEN if config.rules == 1 else config.text_end or EOS_TOKEN


def surface_forms(tokenizer: Tokenizer, text: str) -> list[str]:
    """Return the surface forms of `text` as `tokenizer` looks them up, in its vocabulary or not."""
    with no_panic():
        normalized = tokenizer.normalizer.normalize_str(text)
        forms = [form for form, _ in tokenizer.pre_tokenizer.pre_tokenize_str(normalized)]
    return [EOS_TOKEN if tokenizer.token_to_id(form) == EOS else form for form in forms]


def _boundary_steps(config: TokenizerConfig) -> list[normalizers.Normalizer]:
    """Return the steps that spell a boundary in the text as the vocabulary does."""
    if config.texts == "paragraphs":
        return [normalizers.Replace(Regex(PARAGRAPH_BREAK), boundary_spelling(config))]
    if config.rules > 1 or not config.has_lines:
        return []
    return [normalizers.Replace("\n", f" {EOS_TOKEN} " if config.kind == "word" else EOS_TOKEN)]


def added_tokens(config: TokenizerConfig) -> list[str]:
    """Return the tokens that are cut out of bpe's text before it is split."""
    unknown = [UNK_TOKEN] if config.rules == 1 or config.control_tokens else []
    return [*unknown, boundary_spelling(config)]


def _pre_tokenizer(config: TokenizerConfig) -> pre_tokenizers.PreTokenizer:
    if config.kind == "bpe":
        return pre_tokenizers.ByteLevel(add_prefix_space=False)
    if config.kind == "character":
        end = f"{boundary_spelling(config)}|" if config.texts != "whole" else ""
        return pre_tokenizers.Split(Regex(rf"{end}[\s\S]"), "isolated")
    if config.pretokenized and config.rules == 1:
        return pre_tokenizers.WhitespaceSplit()
    pattern = word_pattern(config.rules, control_tokens=config.control_tokens)
    return pre_tokenizers.Split(Regex(PRETOKENIZED_PATTERN if config.pretokenized else pattern), "removed", invert=True)
