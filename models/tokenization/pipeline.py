"""Definition of a token: the Hugging Face `tokenizers` pipeline of each tokenizer configuration.

Every faster way of splitting text is tested to give the same tokens as this pipeline.

White space is what has the Unicode property White_Space, nothing more: U+001C to U+001F, which Python's `str.split`
splits at, are not. White space separates tokens and is part of none, except for character tokenizers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from tokenizers import AddedToken, Regex, Tokenizer, decoders, normalizers, pre_tokenizers
from tokenizers.models import BPE, WordLevel

from models.special_tokens import EOS_TOKEN, SPECIAL_TOKENS, UNK_TOKEN
from models.tokenization.config import TokenizerConfig

Merges: TypeAlias = Sequence[tuple[str, str]]
"""Pairs of neighbouring tokens that bpe merges into one, in the order in which it does."""

APOSTROPHE = "['\u2019]"
WORD_PATTERN = "|".join(
    (
        "<unk>|</s>",
        rf"\w+?(?=[nN]{APOSTROPHE}[tT](?!\w))",  # the "do" of "don't"
        rf"[nN]{APOSTROPHE}[tT](?!\w)",  # and its "n't", which may stand alone
        r"\w+",
        rf"(?<=\w){APOSTROPHE}\w+",  # "'s", "'er": an apostrophe inside a word begins a contraction
        # After white space it opens a quotation, unless what follows is a contraction that stands alone. Letters are
        # listed in both cases because folding case would also match the long s and a few others.
        rf"{APOSTROPHE}(?:[sStTdDmM]|[lL][lL]|[rR][eE]|[vV][eE]|[eE][mM]|[tT][iI][sS]|[tT][wW][aA][sS])(?!\w)",
        r"([^\w\s])\1*",  # a run of one punctuation mark
    )
)
"""Pattern of a token of running text, in the Oniguruma syntax of `tokenizers`; the first alternative that fits wins."""
PARAGRAPH_BREAK = r"\n(?:[^\S\n]*\n)+"
"""Pattern of a line's end with blank lines after it, in the same syntax: `</s>` where paragraphs are texts."""
_LOWER_CASE = normalizers.Lowercase()


def build_pipeline(config: TokenizerConfig, vocabulary: Sequence[str], merges: Merges = ()) -> Tokenizer:
    """Build the Hugging Face tokenizer of `config` that maps token i of `vocabulary` to id i."""
    ids = {token: i for i, token in enumerate(vocabulary)}
    tokenizer = Tokenizer(BPE(ids, list(merges)) if config.kind == "bpe" else WordLevel(ids, unk_token=UNK_TOKEN))
    steps: list[normalizers.Normalizer] = []
    if config.kind == "word":
        steps.append(normalizers.Replace("\n", f" {EOS_TOKEN} "))
    if config.kind == "character" and config.texts != "whole":
        end = "\n" if config.texts == "lines" else Regex(PARAGRAPH_BREAK)
        steps.append(normalizers.Replace(end, EOS_TOKEN))
    if config.kind == "bpe":
        steps.append(normalizers.Replace("\n", EOS_TOKEN))
        tokenizer.add_tokens([AddedToken(token, normalized=True, special=False) for token in SPECIAL_TOKENS])
        tokenizer.decoder = decoders.ByteLevel()
    if config.lowercase:
        steps.append(normalizers.Lowercase())
    tokenizer.normalizer = normalizers.Sequence(steps)
    tokenizer.pre_tokenizer = _pre_tokenizer(config)
    return tokenizer


def lower_case(text: str) -> str:
    """Return `text` in lower case, as the pipeline writes it."""
    return text.lower() if text.isascii() else str(_LOWER_CASE.normalize_str(text))


def surface_forms(tokenizer: Tokenizer, text: str) -> list[str]:
    """Return the surface forms of `text` as `tokenizer` looks them up, in its vocabulary or not."""
    normalized = tokenizer.normalizer.normalize_str(text)
    return [form for form, _ in tokenizer.pre_tokenizer.pre_tokenize_str(normalized)]


def _pre_tokenizer(config: TokenizerConfig) -> pre_tokenizers.PreTokenizer:
    if config.kind == "bpe":
        return pre_tokenizers.ByteLevel(add_prefix_space=False)
    if config.kind == "character":
        end = f"{EOS_TOKEN}|" if config.texts != "whole" else ""
        return pre_tokenizers.Split(Regex(rf"{end}[\s\S]"), "isolated")
    if config.pretokenized:
        return pre_tokenizers.WhitespaceSplit()
    return pre_tokenizers.Split(Regex(WORD_PATTERN), "removed", invert=True)
