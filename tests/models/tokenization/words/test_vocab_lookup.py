"""Table of tokens: held against a dict."""

from hypothesis import given, settings
from hypothesis import strategies as st

from models.tokenization.encoding import MISSING
from models.tokenization.words.char_classes import char_classes
from models.tokenization.words.vocab_lookup import VocabTable, build_vocab_table, encode_text, reserve, table_tokens

SPACES_ONLY = char_classes(1, pretokenized=True, control_tokens=False)
# Few letters and lengths about the eight bytes that a slot holds, so that ends and beginnings agree often.
tokens = st.text("ab\u00e9", min_size=1, max_size=12)


def encode(table: VocabTable, words: list[str], *, growing: bool) -> list[int]:
    return encode_text(" ".join(words).encode(), SPACES_ONLY, table, growing=growing).tolist()


@settings(deadline=None)
@given(known=st.lists(tokens, unique=True), words=st.lists(tokens))
def test_vocab_table_finds_what_it_holds(known: list[str], words: list[str]) -> None:
    expected = {token: i for i, token in enumerate(known)}
    table = build_vocab_table(known)
    assert table_tokens(table) == known
    assert encode(table, known + words, growing=False) == [expected.get(word, MISSING) for word in known + words]


@settings(deadline=None)
@given(known=st.lists(tokens, unique=True), rounds=st.lists(st.lists(tokens)))
def test_vocab_table_that_grows_numbers_in_order_of_arrival_and_counts(
    known: list[str], rounds: list[list[str]]
) -> None:
    expected = dict.fromkeys(known, 0)
    table = build_vocab_table(known)
    for words in rounds:
        table = reserve(table, len(" ".join(words).encode()))
        numbers = encode(table, words, growing=True)
        for word in words:
            expected[word] = expected.get(word, 0) + 1
        assert numbers == [list(expected).index(word) for word in words]
    assert dict(zip(table_tokens(table), table.counts.tolist(), strict=False)) == expected
