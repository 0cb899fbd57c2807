"""What a token is: the Hugging Face `tokenizers` pipeline behind each tokenizer configuration.

It knows the patterns that cut text into surface forms, and is their only definition; every faster way through the
text is tested equal to it. It knows neither vocabularies' order nor files, and never turns ids back into text.

A blank is a character with the Unicode property White_Space, nothing more: U+001C to U+001F, which Python's
`str.split` takes for blanks, are not. Blanks separate tokens and are no tokens, except to character tokenizers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from tokenizers import AddedToken, Regex, Tokenizer, decoders, normalizers, pre_tokenizers
from tokenizers.models import BPE, WordLevel

from models.special_tokens import EOS_TOKEN, SPECIAL_TOKENS, UNK_TOKEN
from models.tokenization.config import TokenizerConfig

Merges: TypeAlias = Sequence[tuple[str, str]]
"""Pairs of neighbouring tokens that become one, the first to be merged first."""

APOSTROPHE = "['\u2019]"
WORD_PATTERN = "|".join(
    (
        "<unk>|</s>",
        rf"\w+?(?=[nN]{APOSTROPHE}[tT](?!\w))",  # the "do" of "don't"
        rf"[nN]{APOSTROPHE}[tT](?!\w)",  # and its "n't", which may stand alone
        r"\w+",
        rf"(?<=\w){APOSTROPHE}\w+",  # "'s", "'er": an apostrophe inside a word begins a contraction
        # After a blank it opens a quotation, unless what follows is a contraction that stands alone. Letters are
        # listed in both cases because folding case would take in long s and its like.
        rf"{APOSTROPHE}(?:[sStTdDmM]|[lL][lL]|[rR][eE]|[vV][eE]|[eE][mM]|[tT][iI][sS]|[tT][wW][aA][sS])(?!\w)",
        r"([^\w\s])\1*",  # a run of one punctuation mark
    )
)
"""What a token of running text matches, in the Oniguruma syntax that `tokenizers` reads; first alternative first."""


def build_pipeline(config: TokenizerConfig, vocabulary: list[str], merges: Merges = ()) -> Tokenizer:
    """The Hugging Face tokenizer that cuts as `config` says and maps token i of `vocabulary` to id i."""
    ids = {token: i for i, token in enumerate(vocabulary)}
    tokenizer = Tokenizer(BPE(ids, list(merges)) if config.kind == "bpe" else WordLevel(ids, unk_token=UNK_TOKEN))
    steps: list[normalizers.Normalizer] = []
    if config.kind == "word":
        steps.append(normalizers.Replace("\n", f" {EOS_TOKEN} "))
    if config.kind == "bpe":
        steps.append(normalizers.Replace("\n", EOS_TOKEN))
        tokenizer.add_tokens([AddedToken(token, normalized=True, special=False) for token in SPECIAL_TOKENS])
        tokenizer.decoder = decoders.ByteLevel()
    if config.lowercase:
        steps.append(normalizers.Lowercase())
    tokenizer.normalizer = normalizers.Sequence(steps)
    tokenizer.pre_tokenizer = _pre_tokenizer(config)
    return tokenizer


def surface_forms(tokenizer: Tokenizer, text: str) -> list[str]:
    """The surface forms of `text`, known or not, as `tokenizer` looks them up."""
    normalized = tokenizer.normalizer.normalize_str(text)
    return [surface for surface, _ in tokenizer.pre_tokenizer.pre_tokenize_str(normalized)]


def _pre_tokenizer(config: TokenizerConfig) -> pre_tokenizers.PreTokenizer:
    if config.kind == "bpe":
        return pre_tokenizers.ByteLevel(add_prefix_space=False)
    if config.kind == "character":
        return pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    if config.pretokenized:
        return pre_tokenizers.WhitespaceSplit()
    return pre_tokenizers.Split(Regex(WORD_PATTERN), "removed", invert=True)
