"""The table of tokens against a dict."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from models.tokenization.vocab_lookup import MISSING, build_vocab_table, encode_text, reserve, table_tokens
from models.tokenization.word_splitter import char_classes, padded_bytes

BLANKS_ONLY = char_classes(False, True)
# Few letters and lengths about the eight bytes that a slot holds, so that ends and beginnings agree often.
tokens = st.text("ab\u00e9", min_size=1, max_size=12)


def numbers(table, words, growing):  # type: ignore[no-untyped-def]
    data = padded_bytes(" ".join(words).encode())
    out = np.empty(data.size + 1, np.int32)
    return out[: encode_text(data, BLANKS_ONLY, table, growing, out)].tolist()


@settings(deadline=None)
@given(known=st.lists(tokens, unique=True), words=st.lists(tokens))
def test_a_table_finds_what_it_holds(known, words):  # type: ignore[no-untyped-def]
    expected = {token: i for i, token in enumerate(known)}
    table = build_vocab_table(known)
    assert table_tokens(table) == known
    assert numbers(table, known + words, False) == [expected.get(word, MISSING) for word in known + words]


@settings(deadline=None)
@given(known=st.lists(tokens, unique=True), rounds=st.lists(st.lists(tokens)))
def test_a_growing_table_numbers_in_order_of_arrival_and_counts(known, rounds):  # type: ignore[no-untyped-def]
    expected = dict.fromkeys(known, 0)
    table = build_vocab_table(known)
    for words in rounds:
        table = reserve(table, len(" ".join(words).encode()))
        found = numbers(table, words, True)
        for word in words:
            expected[word] = expected.get(word, 0) + 1
        assert found == [list(expected).index(word) for word in words]
    assert dict(zip(table_tokens(table), table.counts.tolist(), strict=False)) == expected
