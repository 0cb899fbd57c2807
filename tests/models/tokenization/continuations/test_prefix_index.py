"""Index of the beginnings of tokens: what it finds is what `startswith` says."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from models.tokenization.continuations.prefix_index import PrefixIndex, fold_case

SPECIAL = [b"<unk>", b"</s>"]


@given(st.lists(st.binary(max_size=4), max_size=30), st.binary(max_size=3))
def test_prefix_index_finds_the_tokens_that_begin_with_it(tokens: list[bytes], prefix: bytes) -> None:
    found = PrefixIndex([*SPECIAL, *tokens]).find(prefix).tolist()
    assert found == [i for i, token in enumerate(tokens, 2) if token.startswith(prefix)]


@given(st.lists(st.text("aAbßİ", max_size=4), max_size=30), st.text("aAbß", max_size=3))
def test_prefix_index_ignores_case(tokens: list[str], prefix: str) -> None:
    found = PrefixIndex([*SPECIAL, *(token.encode() for token in tokens)], ignore_case=True).find(prefix.encode())
    assert found.tolist() == [i for i, t in enumerate(tokens, 2) if t.casefold().startswith(prefix.casefold())]


def test_fold_case_leaves_bytes_of_half_characters() -> None:
    assert fold_case(b"A\xc3") == b"a\xc3"


def test_prefix_index_finds_few_of_many_tokens_and_most_of_them() -> None:
    tokens = [b"%05d" % (i * 7919 % 10_000) for i in range(10_000)]
    index = PrefixIndex([*SPECIAL, *tokens])
    for prefix in (b"", b"0", b"01", b"0123", b"01234"):
        assert index.find(prefix).tolist() == [i for i, token in enumerate(tokens, 2) if token.startswith(prefix)]
