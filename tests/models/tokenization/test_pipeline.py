"""Pipeline: what a token is, by examples and by Unicode; and the settings of a tokenizer."""

import pytest
from tokenizers import Tokenizer

from models.errors import InvalidInput
from models.special_tokens import SPECIAL_TOKENS
from models.tokenization.config import TokenizerConfig
from models.tokenization.pipeline import build_pipeline, surface_forms
from models.tokenization.raw_text import WHITESPACE

WORDS = build_pipeline(TokenizerConfig(), SPECIAL_TOKENS)
PRETOKENIZED = build_pipeline(TokenizerConfig(pretokenized=True), SPECIAL_TOKENS)
CHARACTERS = build_pipeline(TokenizerConfig(kind="character"), SPECIAL_TOKENS)


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
        ("a<unk>b </s> <unk", "a <unk> b </s> < unk"),
        ("<<unk>>", "<< unk >>"),  # the run comes first
        ("a\nb", "a </s> b"),
        ("a\r\nb\n", "a </s> b </s>"),
        ("a\x1cb\x00", "a \x1c b \x00"),  # white space to str.split and to C, but not to Unicode
    ],
)
def test_pipeline_splits_words(text: str, tokens: str) -> None:
    assert surface_forms(WORDS, text) == tokens.split(" ")


def test_pipeline_splits_pretokenized_text_at_white_space_only() -> None:
    text = "Mr. O'Hara @-@ a<unk>b  <unk>\t\x1c\n"
    assert surface_forms(PRETOKENIZED, text) == ["Mr.", "O'Hara", "@-@", "a<unk>b", "<unk>", "\x1c", "</s>"]


def test_pipeline_of_characters_keeps_each() -> None:
    assert surface_forms(CHARACTERS, "a\r\n <unk>") == list("a\r\n <unk>")


def test_pipeline_lower_cases_character_by_character() -> None:
    lower = build_pipeline(TokenizerConfig(lowercase=True), SPECIAL_TOKENS)
    # U+0130 becomes two characters; a capital sigma is no final sigma anywhere; <UNK> becomes literal.
    assert surface_forms(lower, "A \u0130 \u039f\u03a3 <UNK>") == ["a", "i\u0307", "\u03bf\u03c3", "<unk>"]


@pytest.mark.parametrize("pipeline", [WORDS, PRETOKENIZED], ids=["words", "pretokenized"])
def test_pipeline_splits_at_white_space_of_unicode_and_nothing_else(pipeline: Tokenizer) -> None:
    characters = [chr(code) for code in range(0x10000) if not 0xD800 <= code < 0xE000 and code != ord("\n")]
    spaces = {c for c in characters if surface_forms(pipeline, f"a{c}a") == ["a", "a"]}
    assert spaces == set(WHITESPACE) - {"\n"}
    # What Python calls a space, but for the four separators of ASCII, which Unicode does not call White_Space.
    assert set(WHITESPACE) == {c for c in map(chr, range(0x10000)) if c.isspace()} - set("\x1c\x1d\x1e\x1f")


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
        ({"rules": 3}, "rules"),
        ({"rules": True}, "rules"),
    ],
)
def test_tokenizer_config_names_a_bad_setting(settings: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        TokenizerConfig(**settings)  # type: ignore[arg-type]
    assert caught.value.field == field


def test_tokenizer_config_lists_changes_in_the_order_in_which_they_are_made() -> None:
    assert TokenizerConfig(normalize=("digits", "nfc")).normalize == ("nfc", "digits")
