"""What a token is: the Hugging Face `tokenizers` pipeline behind each tokenizer configuration.

It knows the patterns that cut text into surface forms, and is their only definition; every faster way through the
text is tested equal to it. It knows neither vocabularies' order nor files, and never turns ids back into text.

A blank is a character with the Unicode property White_Space, nothing more: U+001C to U+001F, which Python's
`str.split` takes for blanks, are not. Blanks separate tokens and are no tokens, except to character tokenizers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from tokenizers import AddedToken, Regex, Tokenizer, decoders, normalizers, pre_tokenizers
from tokenizers.models import BPE, WordLevel

from models.errors import InvalidInput

UNK_TOKEN = "<unk>"
EOS_TOKEN = "</s>"
SPECIALS = [UNK_TOKEN, EOS_TOKEN]
"""The tokens that every vocabulary begins with, by id."""
TokenKind: TypeAlias = Literal["word", "character", "bpe"]
Merges: TypeAlias = Sequence[tuple[str, str]]
"""Pairs of neighbouring tokens that become one, the first to be merged first."""
_SHOWN = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
BYTES = [chr(b) if b in _SHOWN else chr(0x100 + b - sum(shown < b for shown in _SHOWN)) for b in range(0x100)]
"""The printable character that stands for each byte in the tokens of bpe, as in GPT-2 (Radford et al. 2019)."""
BLANKS = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006"
    "\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)
"""The 25 characters of White_Space."""

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


@dataclass(frozen=True)
class TokenizerConfig:
    """How text is cut into tokens and which of them make the vocabulary. Raises InvalidInput naming the field.

    kind: "word" (letters and digits, contractions, runs of punctuation), "character", or "bpe" (parts of words).
    lowercase: fold case first.
    pretokenized: the text was cut before; split at blanks only (words only).
    min_count: rarer tokens of the training text stay out of the vocabulary.
    max_size: the largest whole vocabulary, `<unk>` and `</s>` included; None for no limit (bpe: 8,000).
    """

    kind: TokenKind = "word"
    lowercase: bool = False
    pretokenized: bool = False
    min_count: int = 1
    max_size: int | None = None

    def __post_init__(self) -> None:
        if self.kind not in get_args(TokenKind):
            raise InvalidInput("kind", f"must be one of {', '.join(get_args(TokenKind))}, not {self.kind!r}")
        for field in ("lowercase", "pretokenized"):
            if not isinstance(getattr(self, field), bool):
                raise InvalidInput(field, f"must be true or false, not {getattr(self, field)!r}")
        if self.pretokenized and self.kind != "word":
            raise InvalidInput("pretokenized", f"must be false for a {self.kind} tokenizer: it keeps no words apart")
        _check_integer("min_count", self.min_count, at_least=1)
        if self.max_size is not None:
            # Every byte has a token, beside the two special ones and the first that is learned.
            _check_integer("max_size", self.max_size, at_least=len(BYTES) + 3 if self.kind == "bpe" else 3)

    @property
    def has_lines(self) -> bool:
        """Whether a newline is `</s>`; to characters it is one of them."""
        return self.kind != "character"


def build(config: TokenizerConfig, vocabulary: list[str], merges: Merges = ()) -> Tokenizer:
    """The Hugging Face tokenizer that cuts as `config` says and maps token i of `vocabulary` to id i."""
    ids = {token: i for i, token in enumerate(vocabulary)}
    tokenizer = Tokenizer(BPE(ids, list(merges)) if config.kind == "bpe" else WordLevel(ids, unk_token=UNK_TOKEN))
    steps: list[normalizers.Normalizer] = []
    if config.kind == "word":
        steps.append(normalizers.Replace("\n", f" {EOS_TOKEN} "))
    if config.kind == "bpe":
        steps.append(normalizers.Replace("\n", EOS_TOKEN))
        tokenizer.add_tokens([AddedToken(token, normalized=True, special=False) for token in SPECIALS])
        tokenizer.decoder = decoders.ByteLevel()
    if config.lowercase:
        steps.append(normalizers.Lowercase())
    tokenizer.normalizer = normalizers.Sequence(steps)
    tokenizer.pre_tokenizer = _splitter(config)
    return tokenizer


def surfaces(tokenizer: Tokenizer, text: str) -> list[str]:
    """The surface forms of `text`, known or not, as `tokenizer` looks them up."""
    normalized = tokenizer.normalizer.normalize_str(text)
    return [surface for surface, _ in tokenizer.pre_tokenizer.pre_tokenize_str(normalized)]


def _splitter(config: TokenizerConfig) -> pre_tokenizers.PreTokenizer:
    if config.kind == "bpe":
        return pre_tokenizers.ByteLevel(add_prefix_space=False)
    if config.kind == "character":
        return pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    if config.pretokenized:
        return pre_tokenizers.WhitespaceSplit()
    return pre_tokenizers.Split(Regex(WORD_PATTERN), "removed", invert=True)


def _check_integer(field: str, value: object, at_least: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < at_least:
        raise InvalidInput(field, f"must be a whole number of at least {at_least}, not {value!r}")
