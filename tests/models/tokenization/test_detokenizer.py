"""Detokenizer: readable text of tokens, all at once and piece by piece."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.special_tokens import SPECIAL_TOKENS
from models.tokenization.config import Texts, TokenizerConfig
from models.tokenization.detokenizer import Detokenizer
from models.tokenization.tokenizer import Tokenizer

SENTENCES = [
    "Mr. Smith's dog didn't bark -- it \"smiled\", he said; isn't that odd?",
    "She said, \"I can't (won't) go!\" and left.",
    "He'd been to the '90s party... at 5:30 p.m., with $1,000 and 3.5% interest.",
    "A well-known father-in-law's and/or e-mail?!",
    "'Tis the season: tell 'em 'no'.",
    "'I am,' said he, 'very glad.'",
    "The boys' toys, goin' home, o'clock, ma'am.",
    "rock 'n' roll",
    "``Well,'' said the `old' man.",
    "\u201cCurly\u201d quotes \u2013 and \u2018single\u2019 ones \u2014 it\u2019s fine\u2026",
    "[see note 3] {x} #1 = 2 & co.",
    "The end.\n\n(A new one.)\n- an item\n",
    "<unk>'s well-<unk>, <unk>!",
    "AT&T's R&D: see https://example.org/a_(b)?q=1, or mail jane@example.org.",
    "C++'s and C#'s users, @name and #topic",
    "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645 \u06a9\u062a\u0627\u0628\u200c\u0647\u0627\u061f",  # Persian
    "\u0939\u093f\u0928\u094d\u0926\u0940-\u0909\u0930\u094d\u0926\u0942 \u0936\u092c\u094d\u0926\u0964",  # Hindi
    "\u0dc1\u0dca\u200d\u0dbb\u0dd3 \u0dbd\u0d82\u0d9a\u0dcf.",  # Sinhala
    "\u0e20\u0e32\u0e29\u0e32\u0e44\u0e17\u0e22 \u0e19\u0e49\u0e33",  # Thai
    "\u300c\u732b\u300d\u306f\u3001\u6d77\u3078\u884c\u304d\u307e\u3057\u305f\u3002",  # Japanese
    "\u1780\u200b\u1781",  # Khmer, a zero width space between words
    "ok \U0001f44d\U0001f3fd \U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f1e9\U0001f1ea!",
]
PIECES = [*SPECIAL_TOKENS, *"a'\"-(),.1`", "n't", "'s", "'em", "``", "''", "--", "000", "@-@", "boys", "word"]


@pytest.mark.parametrize("sentence", SENTENCES)
def test_detokenizer_restores_a_sentence(sentence: str) -> None:
    tokenizer = Tokenizer.train(TokenizerConfig(control_tokens=True), [sentence])
    assert tokenizer.decode(tokenizer.encode(sentence).ids.tolist()) == sentence


@pytest.mark.parametrize(
    ("tokens", "text"),
    [
        ("the king 's men did n't go .", "the king's men didn't go."),
        ("mr. <unk> is chairman of <unk> n.v. the dutch group", "mr. <unk> is chairman of <unk> n.v. the dutch group"),
        ("a role @-@ playing game of 1 @,@ 000 @.@ 5 points", "a role-playing game of 1,000.5 points"),
        ("the war of '63 , in the '80s", "the war of '63, in the '80s"),
        ("answer 'd I ; o' er ;) }", "answer'd I; o' er;)}"),
        ("`` hi '' , he said", "``hi'', he said"),
        ("the year 5 : 30 , 5 : 3 , 1 , 00", "the year 5:30, 5: 3, 1, 00"),
        ("J . K . R . a . M", "J.K.R. a. M"),
    ],
)
def test_detokenizer_makes_pretokenized_text_read_as_english(tokens: str, text: str) -> None:
    tokenizer = Tokenizer.train(TokenizerConfig(pretokenized=True), [tokens])
    assert tokenizer.decode(tokenizer.encode(tokens).ids.tolist()) == text


@settings(deadline=None)
@given(ids=st.lists(st.integers(0, len(PIECES) - 1)), border=st.integers(0, 20))
def test_detokenizer_gives_pieces_that_join_to_the_text(ids: list[int], border: int) -> None:
    tokenizer = Tokenizer(TokenizerConfig(), PIECES)
    whole = tokenizer.decode(ids)
    reader = tokenizer.detokenizer()
    pieces = [reader.push(i) for i in ids]
    assert "".join(pieces) == whole
    # With a context, the first piece begins as it would have after it.
    continued = tokenizer.detokenizer(ids[:border])
    assert [continued.push(i) for i in ids[border:]] == pieces[border:]
    # Every token is in the text, blanks apart; newlines are the ends of lines.
    assert "".join(whole.split()) == "".join(PIECES[i].replace("@", "") for i in ids if i != 1)
    assert whole.count("\n") == ids.count(1)
    assert "  " not in whole


@given(text=st.text("ab\n c"))
def test_detokenizer_joins_characters_without_spaces(text: str) -> None:
    tokenizer = Tokenizer(TokenizerConfig(kind="character"), [*SPECIAL_TOKENS, *"ab\n "])
    ids = tokenizer.encode(text).ids.tolist()
    assert tokenizer.decode([*ids, 1]) == text.replace("c", "\ufffd")


@pytest.mark.parametrize(("texts", "text"), [("paragraphs", "a\nb\n\na"), ("lines", "a\nb\n\na")])
def test_detokenizer_writes_the_ends_of_character_texts(texts: Texts, text: str) -> None:
    tokenizer = Tokenizer(TokenizerConfig("character", texts=texts), [*SPECIAL_TOKENS, *"ab\n"])
    ids = tokenizer.encode(text).ids.tolist()
    assert 1 in ids
    assert tokenizer.decode(ids) == text


def test_detokenizer_begins_each_line_anew() -> None:
    reader = Detokenizer(PIECES)
    push = {token: i for i, token in enumerate(PIECES)}
    assert [reader.push(push[t]) for t in ["a", '"', "</s>", '"', "a", '"']] == ["a", ' "', "\n", '"', "a", '"']
