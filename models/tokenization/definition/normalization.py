"""Changes that a tokenizer makes to text before it splits it: `TextNormalizer`.

`tokenizers` defines each change, and its definition is in the tokenizer's file. Text of ASCII, and the case of most
letters, take a quicker way that is tested to give the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from tokenizers import Regex, normalizers

from models.special_tokens import EOS_TOKEN
from models.tokenization.config import Normalization, TokenizerConfig
from models.tokenization.raw_text import no_panic

_ZEROS = str.maketrans(dict.fromkeys("123456789", "0"))
_CONTROL_CHARACTERS = dict.fromkeys([*range(0x0A), *range(0x0B, 0x20), 0x7F])
_LOWER_CASE = normalizers.Lowercase()
_STABLE_CASE = re.compile(
    "[\0-\u109f\u1100-\u139f\u1400-\u1c7f\u1e00-\u2bff\u2e80-\ua63f\uac00-\uffff\U0001f000-\U0001faff\U00020000-\U0003ffff]*"
)
"""Text without letters whose case may differ between versions of Unicode, as `tokenizers` and Python may have."""
_GREEK = "\u0300-\u0374\u0376-\u037d\u037f\u0386\u0388-\u03ff\u1f00-\u1fff"
_FINAL_SIGMA = re.compile(f"(?<=[{_GREEK}])\u03a3(?![{_GREEK}])")
_DOTTED_CAPITAL_I = "\u0130"

_OPENING_QUOTE = r'(?<![^\s(\[{<\-])"'
"""A double quote at the beginning of a word; elsewhere it closes a quotation."""
_PENN_QUOTES = (
    (f"{_OPENING_QUOTE}|[\u201c\u201e\u201f\u00ab]", " `` "),
    ('["\u201d\u00bb]', " '' "),
    ("\u2018", "`"),
)
_PUNCTUATION = (
    ("[\u2018-\u201b\u2032\u2039\u203a]", "'"),
    ("[\u201c-\u201f\u2033\u00ab\u00bb]", '"'),
    ("[\u2014\u2015]+", "--"),
    ("(?<!\\S)\u2013(?!\\S)", "--"),  # an en dash between blanks; elsewhere it joins
    ("[\u2010-\u2013\u2212]", "-"),
    ("\u2026", "..."),
)
_CCNET_PUNCTUATION = {
    ",": "\uff0c\u3001",
    ".": "\u3002",
    '"': "\u201e\u201d\u201c\u00ab\u00bb\uff11\u300d\u300c\u300a\u300b",
    "'": "\u00b4\u2019",
    ":": "\u2236\uff1a",
    "?": "\uff1f",
    "!": "\uff01",
    "(": "\uff08",
    ")": "\uff09",
    ";": "\uff1b",
    "-": "\u2013\u2501\u25ba",
    " - ": "\u2014",
    ". ": "\uff0e",
    "~": "\uff5e",
    "...": "\u2026",
    "<": "\u3008",
    ">": "\u3009",
    "[": "\u3010",
    "]": "\u3011",
    "%": "\uff05",
}
"""What CCNet's filters write for typographic and full-width punctuation (Wenzek et al. 2020, `text_normalizer`)."""


class _Change(NamedTuple):
    """A change to text, for `tokenizers` and for us.

    step: its definition.
    apply: a quicker way for any text; None where there is none.
    apply_to_ascii: a quicker way for ASCII; None where that stays as it is.
    """

    step: normalizers.Normalizer
    apply: Callable[[str], str] | None = None
    apply_to_ascii: Callable[[str], str] | None = None


class TextNormalizer:
    """Changes that a tokenizer makes to text before it splits it, one after the other.

    >>> normalize = TextNormalizer(TokenizerConfig(normalize=("accents", "punctuation"), lowercase=True))
    >>> normalize("It\u2019s a CAF\u00c9\u2026")
    "it's a cafe..."
    """

    def __init__(self, config: TokenizerConfig) -> None:
        self._changes = list(_changes(config))
        self.steps = [change.step for change in self._changes]
        """The definitions, in their order."""

    def __call__(self, text: str) -> str:
        """Return `text` as the tokenizer splits it."""
        if not self._changes:
            return text
        if text.isascii():
            return self._normalize_ascii(text)
        if all(change.apply is not None for change in self._changes):
            return self._normalize_line(text)
        lines = text.split("\n")
        return "\n".join([self._normalize_ascii(x) if x.isascii() else self._normalize_line(x) for x in lines])

    def fold(self, form: str) -> str:
        """Return a form that was split before as the vocabulary would write it."""
        normalized = self(form)
        return normalized if form.strip(" ") != form else normalized.strip(" ")

    def _normalize_ascii(self, text: str) -> str:
        for change in self._changes:
            text = change.apply_to_ascii(text) if change.apply_to_ascii is not None else text
        return text

    def _normalize_line(self, text: str) -> str:
        with no_panic():
            for change in self._changes:
                text = change.apply(text) if change.apply is not None else change.step.normalize_str(text)
        return text


def _changes(config: TokenizerConfig) -> Iterator[_Change]:
    for name in config.normalize:
        yield _NORMALIZATIONS[name]
    if config.lowercase:
        yield _first_edition_lower_case() if config.rules == 1 else _lower_case()
    if config.control_tokens and config.rules > 1:
        yield _Change(_replace((("</?s>", "\n"),)), _end_texts, _end_texts)


def _replace(replacements: tuple[tuple[str, str], ...]) -> normalizers.Normalizer:
    return normalizers.Sequence([normalizers.Replace(Regex(pattern), content) for pattern, content in replacements])


def _first_edition_lower_case() -> _Change:
    """Lower-case each character by itself: no sigma is final, and U+0130 becomes two characters."""

    def apply(text: str) -> str:
        stable = _STABLE_CASE.fullmatch(text) is not None
        return text.replace("\u03a3", "\u03c3").lower() if stable else str(_LOWER_CASE.normalize_str(text))

    return _Change(_LOWER_CASE, apply, str.lower)


def _lower_case() -> _Change:
    """Lower-case as writers do: a sigma at the end of a word is a final one, and U+0130 an i."""
    base = _first_edition_lower_case()
    assert base.apply is not None
    lower = base.apply
    steps = [
        normalizers.Replace(_DOTTED_CAPITAL_I, "i"),
        normalizers.Replace(Regex(_FINAL_SIGMA.pattern), "\u03c2"),
        _LOWER_CASE,
    ]

    def apply(text: str) -> str:
        text = text.replace(_DOTTED_CAPITAL_I, "i")
        return lower(_FINAL_SIGMA.sub("\u03c2", text) if "\u03a3" in text else text)

    return _Change(normalizers.Sequence(steps), apply, str.lower)


def _end_texts(text: str) -> str:
    return text.replace(EOS_TOKEN, "\n").replace("<s>", "\n")


def _penn_quotes(text: str) -> str:
    for pattern, content in _PENN_QUOTES if '"' in text else ():
        text = re.sub(pattern, content, text)
    return text


def _ccnet_step() -> normalizers.Normalizer:
    punctuation = tuple((f"[{characters}]", plain) for plain, characters in _CCNET_PUNCTUATION.items())
    return normalizers.Sequence(
        [
            _lower_case().step,
            normalizers.NFD(),
            _replace(((r"\p{Mn}", ""), (r"\d", "0"), *punctuation, (r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", ""))),
        ]
    )


def _ccnet(text: str) -> str:
    return text.lower().translate(_ZEROS | _CONTROL_CHARACTERS)


_NORMALIZATIONS: dict[Normalization, _Change] = {
    "nfc": _Change(normalizers.NFC()),
    "nfkc": _Change(normalizers.NFKC()),
    # Marks that alphabets add to letters; those of other scripts are vowels.
    "accents": _Change(
        normalizers.Sequence([normalizers.NFD(), _replace((("[\u0300-\u036f]", ""),)), normalizers.NFC()])
    ),
    "digits": _Change(_replace(((r"\d", "0"),)), None, lambda text: text.translate(_ZEROS)),
    "penn_quotes": _Change(_replace(_PENN_QUOTES), None, _penn_quotes),
    "punctuation": _Change(_replace(_PUNCTUATION)),
    "ccnet": _Change(_ccnet_step(), None, _ccnet),
}
