"""Pipeline: what a token is, by examples and by Unicode; and the settings of a tokenizer."""

from typing import Any

import pytest
from hypothesis import given
from tokenizers import Regex, Tokenizer, pre_tokenizers

from models.errors import InvalidInput
from models.special_tokens import SPECIAL_TOKENS
from models.tokenization.config import TokenizerConfig
from models.tokenization.definition.pipeline import build_pipeline, surface_forms
from models.tokenization.raw_text import WHITESPACE
from tests.helpers.tokenizers import texts


def pipeline_of(**settings: Any) -> Tokenizer:
    return build_pipeline(TokenizerConfig(**settings), SPECIAL_TOKENS)


WORDS, FIRST_WORDS = pipeline_of(), pipeline_of(rules=1)
PRETOKENIZED, FIRST_PRETOKENIZED = pipeline_of(pretokenized=True), pipeline_of(pretokenized=True, rules=1)
CHARACTERS = pipeline_of(kind="character")


@pytest.mark.parametrize("rules", [1, 2, 3])
@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("the king's men", "the king 's men"),
        ("don't, can't, won't", "do n't , ca n't , wo n't"),
        ("DON'T", "DO N'T"),
        ("do n't the king 's", "do n't the king 's"),  # splitting again changes nothing
        ("they'll've o'er ma'am", "they 'll 've o 'er ma 'am"),
        ("n't n'ts nn't", "n't n 'ts n n't"),
        ("'tis 'em 'twas 're", "'tis 'em 'twas 're"),  # contractions that stand alone
        ("'quoted'", "' quoted '"),
        ("the boys' toys", "the boys ' toys"),
        ("it\u2019s don\u2019t", "it \u2019s do n\u2019t"),
        ("a--b ... ?! ''x``", "a -- b ... ? ! '' x ``"),  # runs of one mark, not of several
        ("x''s", "x '' s"),
        ("3.14 $5 50%", "3 . 14 $ 5 50 %"),
        ("snake_case __", "snake_case __"),
        (
            "na\u00efve e\u0301tude \u0930\u0942\u092a",
            "na\u00efve e\u0301tude \u0930\u0942\u092a",
        ),  # combining marks belong to words
        ("a\nb", "a </s> b"),
        ("a\r\nb\n", "a </s> b </s>"),
        ("a\x1cb\x00", "a \x1c b \x00"),  # white space to str.split and to C, but not to Unicode
        ("well-known @-@ #1 a @ b C & D", "well - known @ - @ # 1 a @ b C & D"),
    ],
)
def test_pipeline_splits_words(rules: int, text: str, tokens: str) -> None:
    assert surface_forms(pipeline_of(rules=rules), text) == tokens.split(" ")


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("a<unk>b </s> <unk", "a <unk> b </s> < unk"),
        ("<<unk>>", "<< unk >>"),  # the run comes first
    ],
)
def test_pipeline_reads_control_tokens_in_the_first_edition_or_if_told(text: str, tokens: str) -> None:
    assert surface_forms(FIRST_WORDS, text) == tokens.split(" ")
    assert surface_forms(pipeline_of(control_tokens=True), text) == tokens.split(" ")
    assert surface_forms(pipeline_of(control_tokens=True), "<s>a</s>") == ["</s>", "a", "</s>"]


def test_pipeline_reads_typed_control_tokens_as_text() -> None:
    forms = surface_forms(WORDS, "I <s>never</s> said <unk>.")
    assert forms == ["I", *"<s>", "never", *"</s>", "said", "<", "unk", ">", "."]


@pytest.mark.parametrize(
    "word",
    [
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",  # Persian, with a zero width non-joiner
        "\u0939\u093f\u0928\u094d\u0926\u0940",  # Hindi
        "\u0915\u094d\u200d\u0937",  # Hindi, with a zero width joiner
        "\u0dc1\u0dca\u200d\u0dbb\u0dd3",  # Sinhala
        "\u0e19\u0e49\u0e33",  # Thai
        "\u4eca\u65e5\u306f\u6d77\u3078\u884c\u304d\u307e\u3057\u305f",  # Japanese: one run, as all letters are
        "co\u00adoperate",  # soft hyphen
        "a\u2060b",  # word joiner
        "\u05d0\u200f\u05d1",  # right-to-left mark
        "\U0001f44d\U0001f3fd",  # an emoji and its modifier
        "\U0001f468\u200d\U0001f469\u200d\U0001f467",  # a family
        "\U0001f3f3\ufe0f\u200d\U0001f308",  # a flag of joined emoji
        "\U0001f1e9\U0001f1ea",  # a flag of two letters
        "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",  # a flag of tags
        "#\ufe0f\u20e3",  # a keycap
        "\u2764\ufe0f",  # a variation selector
        "\u0600\u0661\u0662",  # an Arabic number sign belongs to the number after it
    ],
)
def test_pipeline_keeps_joined_characters_together(word: str) -> None:
    for rules in (2, 3):
        assert surface_forms(pipeline_of(rules=rules), f"a {word} ({word}), {word}.") == [
            *["a", word, "(", word, ")", ",", word, "."]
        ]


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("\U0001f44d\U0001f44d\U0001f44d\U0001f3fd", "\U0001f44d\U0001f44d \U0001f44d\U0001f3fd"),  # a run, and another
        ("\U0001f1e9\U0001f1ea\U0001f1eb\U0001f1f7", "\U0001f1e9\U0001f1ea \U0001f1eb\U0001f1f7"),  # two flags
        ("a\u200bb", "a \u200b b"),  # the zero width space is there to end words
        ("a\u00ad b", "a \u00ad b"),  # format characters belong to words that go on behind them
        ("do\u00adn't", "do\u00adn 't"),  # and no word is cut behind one
        ("\U0001f44d\U0001f3fd's", "\U0001f44d\U0001f3fd 's"),
    ],
)
def test_pipeline_cuts_between_graphemes(text: str, tokens: str) -> None:
    assert surface_forms(WORDS, text) == tokens.split(" ")


@given(texts)
def test_pipeline_never_cuts_a_grapheme_cluster(text: str) -> None:
    clusters = pre_tokenizers.Split(Regex(r"\X"), "isolated").pre_tokenize_str(text)
    boundaries = {end for _, (_, end) in clusters} | {0}
    for _, (begin, end) in WORDS.pre_tokenizer.pre_tokenize_str(text):
        # A mark that follows white space stands alone, and so do the two newlines of Windows.
        assert begin in boundaries or text[begin - 1] in WHITESPACE
        assert end in boundaries or text[end - 1] in WHITESPACE


@pytest.mark.parametrize(
    "name",
    [
        "https://example.org/a_(b)?q=1&r=%20#top",
        "HTTP://EXAMPLE.ORG",
        "s3://bucket/key",
        "www.example.org/",
        "https://de.example.org/wiki/K\u00f6ln",
        "jane.doe+news@mail.example-site.co.uk",
        "AT&T",
        "R&D",
        "q&a&b",
        "C++",
        "C++11",
        "g++",
        "C#",
        "@name",
        "#topic",
    ],
)
def test_pipeline_keeps_names_with_punctuation_whole(name: str) -> None:
    text = f"({name}), {name}. {name}'s"
    if "/" in name:
        text = text.replace("'s", " 's")  # a URL may hold an apostrophe
    assert surface_forms(WORDS, text) == ["(", name, ")", ",", name, ".", name, "'s"]
    assert name not in surface_forms(pipeline_of(rules=2), text)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("Tom &amp; Jerry a&lt;b", "Tom & amp ; Jerry a & lt ; b"),  # character references of HTML
        ("a@b", "a @ b"),  # no domain
        ("@ name # 1 ##x @1", "@ name # 1 ## x @ 1"),
        ("a+++b F#m ab#", "a +++ b F # m ab #"),
        ("http:// www. http://.", "http : // www . http : // ."),
        ("x" * 65 + "@example.org", "x" * 65 + " @ example . org"),  # too long for an address
    ],
)
def test_pipeline_splits_what_only_looks_like_a_name(text: str, tokens: str) -> None:
    assert surface_forms(WORDS, text) == tokens.split(" ")


def test_pipeline_splits_pretokenized_text_at_white_space_only() -> None:
    text = "Mr. O'Hara @-@ a<unk>b  <unk>\t\x1c\n"
    for pipeline in (PRETOKENIZED, FIRST_PRETOKENIZED):
        assert surface_forms(pipeline, text) == ["Mr.", "O'Hara", "@-@", "a<unk>b", "<unk>", "\x1c", "</s>"]


def test_pipeline_of_characters_keeps_each() -> None:
    assert surface_forms(CHARACTERS, "a\r\n <unk>") == list("a\r\n <unk>")


def test_pipeline_lower_cases_character_by_character_in_the_first_edition() -> None:
    lower = pipeline_of(lowercase=True, rules=1)
    # U+0130 becomes two characters; a capital sigma is no final sigma anywhere; <UNK> becomes literal.
    assert surface_forms(lower, "A \u0130 \u039f\u03a3 <UNK>") == ["a", "i\u0307", "\u03bf\u03c3", "<unk>"]


def test_pipeline_lower_cases_as_writers_do() -> None:
    lower = pipeline_of(lowercase=True)
    greek = "\u039f\u0394\u039f\u03a3 \u03a3\u0399\u03a3\u03a5\u03a6\u039f\u03a3, \u03a3'"
    expected = ["\u03bf\u03b4\u03bf\u03c2", "\u03c3\u03b9\u03c3\u03c5\u03c6\u03bf\u03c2", ",", "\u03c3", "'"]
    assert surface_forms(lower, greek) == expected
    assert surface_forms(lower, "\u0130stanbul I\u015e\u0131K") == ["istanbul", "i\u015f\u0131k"]


@pytest.mark.parametrize("pipeline", [WORDS, FIRST_WORDS, FIRST_PRETOKENIZED], ids=["words", "first", "pretokenized"])
def test_pipeline_splits_at_white_space_of_unicode_and_nothing_else(pipeline: Tokenizer) -> None:
    characters = [chr(code) for code in range(0x10000) if not 0xD800 <= code < 0xE000 and code != ord("\n")]
    spaces = {c for c in characters if surface_forms(pipeline, f"a{c}a") == ["a", "a"]}
    assert spaces == set(WHITESPACE) - {"\n"}
    # What Python calls a space, but for the four separators of ASCII, which Unicode does not call White_Space.
    assert set(WHITESPACE) == {c for c in map(chr, range(0x10000)) if c.isspace()} - set("\x1c\x1d\x1e\x1f")


def test_pipeline_splits_pretokenized_text_at_blanks_of_ascii_and_nothing_else() -> None:
    characters = [chr(code) for code in range(0x10000) if not 0xD800 <= code < 0xE000 and code != ord("\n")]
    assert {c for c in characters if surface_forms(PRETOKENIZED, f"a{c}a") == ["a", "a"]} == set("\t\r ")


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"kind": "syllable"}, "kind"),
        ({"lowercase": 1}, "lowercase"),
        ({"pretokenized": "yes"}, "pretokenized"),
        ({"kind": "character", "pretokenized": True}, "pretokenized"),
        ({"min_count": 0}, "min_count"),
        ({"min_count": 1.5}, "min_count"),
        ({"min_count": True}, "min_count"),
        ({"max_size": 2}, "max_size"),
        ({"kind": "bpe", "max_size": 258}, "max_size"),
        ({"max_size": "10"}, "max_size"),
        ({"normalize": "nfc"}, "normalize"),
        ({"normalize": ("nfc", "nfc")}, "normalize"),
        ({"normalize": ("nfd",)}, "normalize"),
        ({"kind": "bpe", "normalize": ("penn_quotes",)}, "normalize"),
        ({"kind": "character", "control_tokens": True}, "control_tokens"),
        ({"control_tokens": "no"}, "control_tokens"),
        ({"rules": 4}, "rules"),
        ({"rules": True}, "rules"),
    ],
)
def test_tokenizer_config_names_a_bad_setting(settings: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        TokenizerConfig(**settings)  # type: ignore[arg-type]
    assert caught.value.field == field


def test_tokenizer_config_lists_changes_in_the_order_in_which_they_are_made() -> None:
    assert TokenizerConfig(normalize=("digits", "nfc")).normalize == ("nfc", "digits")
