"""Definition of a word token: a pattern for each edition of the rules, in Oniguruma's syntax.

Words are runs of letters, digits and marks, contractions are split from them, and what is neither word nor white space
stands for itself, a run of one character being one token. What the editions add:

1. the rules of tokenizer files from before there were editions: they cut words at joiners, and emoji at modifiers;
2. no extended grapheme cluster (Unicode Standard Annex 29) is cut, and no word at a format character inside it;
3. names that hold punctuation are one token: URLs, e-mail addresses, `@name`, `#topic`, AT&T, C++, C#.

Each class of characters is written once, for the compiled loops to ask it of every character.
"""

from __future__ import annotations

LETTER = r"\w"
SPACE = r"\s"
EXTENDING = r"[\p{M}\p{Grapheme_Extend}\p{Emoji_Modifier}\x{200d}\x{e33}\x{eb3}]"
"""Character that belongs to the one before it: marks, joiners, emoji modifiers, tags, two vowels of Thai and Lao."""
FORMAT = r"[\p{Cf}&&[^\x{200b}-\x{200d}\x{e0020}-\x{e007f}]]"
"""Format character that words may have inside: any but those above, and the zero width space, which ends a word."""
PREPENDED = (
    r"[\x{600}-\x{605}\x{6dd}\x{70f}\x{890}\x{891}\x{8e2}\x{d4e}\x{110bd}\x{110cd}\x{111c2}\x{111c3}\x{113d1}"
    r"\x{1193f}\x{11941}\x{11a3a}\x{11a84}-\x{11a89}\x{11d46}\x{11f02}]"
)
"""Character that belongs to the one after it: Arabic number signs and their like."""
FLAG_LETTER = r"\p{Regional_Indicator}"
"""Character of which two are a flag."""
PICTURE = r"\p{Extended_Pictographic}"
"""Character that a zero width joiner joins to what stands before, as those of a family are joined."""

APOSTROPHE = "['\u2019]"
# Letters are listed in both cases because folding case would also match the long s and a few others.
STANDALONE = r"(?:[sStTdDmM]|[lL][lL]|[rR][eE]|[vV][eE]|[eE][mM]|[tT][iI][sS]|[tT][wW][aA][sS])"
"""Letters of a contraction that may stand alone: 'tis."""
ASCII_BLANKS = "\t\r "
"""White space of text that was tokenized before, beside the newline, from edition 2 on."""
PRETOKENIZED_PATTERN = r"\n|[^\t\n\r ]+"
"""Pattern of a token of text that was tokenized before, or of its newline, from edition 2 on."""

_DEFINITIONS = (
    rf"(?<extending>{EXTENDING}){{0}}"
    rf"(?<joined>(?<=\x{{200d}}){PICTURE}|(?<={PREPENDED})\S){{0}}"
    rf"(?<inside>{FORMAT}(?:{FORMAT}|{EXTENDING})*(?=\w)){{0}}"
    rf"(?<first>\w|{PREPENDED}\S){{0}}"
    r"(?<more>\w|\g<extending>|\g<inside>|\g<joined>){0}"
    r"(?<word>(?>\g<first>\g<more>*)){0}"
)
"""Parts of the patterns below, which call them by name; repeated zero times, they match nothing where they stand."""
_URL = (
    r"(?<marks>[\-~/#@$&+=%](?!\g<extending>)){0}"
    # At the end of a URL these marks are punctuation, inside they are part of it.
    r"(?<url>(?=\w)(?:\g<word>|\g<marks>|[.,:;?!'()*\[\]])*(?:\g<word>|\g<marks>)){0}"
)
_NAMES = (
    r"\g<word>://\g<url>",
    r"[wW]{3}\.\g<url>",
    # E-mail: the part before the @ has 64 characters at most (RFC 5321, section 4.5.3.1.1).
    r"[A-Za-z0-9_][A-Za-z0-9_.+%\-]{0,63}@\g<word>(?:-\g<word>)*\.\g<word>(?:[.\-]\g<word>)*",
    r"\g<word>(?:&(?!\g<word>;)\g<word>)+",  # AT&T, but no character reference of HTML
    r"\g<word>\+\+(?!\+|\g<extending>)\g<word>?",  # C++, C++11
    r"[A-Za-z]#(?!#|\g<more>)",  # C#
    rf"(?<!\w)(?<!{EXTENDING})[@#](?![0-9]|\g<extending>)\g<word>",
)
_WORDS = (
    # The "do" of "don't", and its "n't", which may stand alone.
    rf"\g<first>\g<more>*?(?<=\w)(?<!{PREPENDED})(?=[nN]{APOSTROPHE}[tT](?!\g<more>))",
    rf"[nN]{APOSTROPHE}[tT](?!\g<more>)",
    r"\g<word>",
    # "'s", "'er": an apostrophe inside a word begins a contraction. After white space it opens a quotation, unless
    # what follows is a contraction that stands alone.
    rf"(?:(?<=\w)|(?<={EXTENDING})){APOSTROPHE}\g<word>",
    rf"{APOSTROPHE}{STANDALONE}(?!\g<more>)",
    # A run of one punctuation mark or symbol.
    rf"(?<symbol>(?:{FLAG_LETTER}{{2}}|[^\w\s])(?:\g<extending>|\g<joined>)*)(?:\k<symbol>(?!\g<extending>))*",
)
_FIRST_EDITION = "|".join(
    (
        "<unk>|</s>",
        rf"\w+?(?=[nN]{APOSTROPHE}[tT](?!\w))",
        rf"[nN]{APOSTROPHE}[tT](?!\w)",
        r"\w+",
        rf"(?<=\w){APOSTROPHE}\w+",
        rf"{APOSTROPHE}{STANDALONE}(?!\w)",
        r"([^\w\s])\1*",
    )
)


def word_pattern(rules: int, *, control_tokens: bool) -> str:
    """Return the pattern of a token of running text, or its newline; the first alternative that fits wins."""
    if rules == 1:
        return _FIRST_EDITION
    definitions, names = (_DEFINITIONS, ()) if rules == 2 else (_DEFINITIONS + _URL, _NAMES)
    alternatives = "|".join((r"\n", *["<unk>"] * control_tokens, *names, *_WORDS))
    return f"{definitions}(?:{alternatives})"
