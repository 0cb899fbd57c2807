"""A text's pieces, cut once: what is remembered changes nothing, and is bounded."""

from hypothesis import given, settings
from hypothesis import strategies as st

from models.tokenization import word_tokenizer
from models.tokenization.tokenizer import Tokenizer, TokenizerConfig
from models.tokenization.word_tokenizer import Piece, Pieces

TEXT = "the cat don't <unk> .\n"
TOKENIZERS = [
    Tokenizer.train(TokenizerConfig(), [TEXT]),
    Tokenizer.train(TokenizerConfig(lowercase=True), [TEXT]),
    Tokenizer.train(TokenizerConfig(pretokenized=True), [TEXT]),
    Tokenizer.train(TokenizerConfig(kind="character"), [TEXT]),
    Tokenizer.train(TokenizerConfig(kind="bpe"), [TEXT]),
]
FRAGMENTS = ["the", "cat", "Don't", "n't", "'s", "<unk>", "</s>", "<un", *" \n\t\r'.\u00e9\u4e2d\u03a3\u2019"]


@settings(deadline=None)
@given(st.lists(st.sampled_from(FRAGMENTS), max_size=20).map("".join))
def test_reading_is_encoding_and_cutting(text: str) -> None:
    for tokenizer in TOKENIZERS:
        encoding = tokenizer.encode(text)
        expected = Piece(encoding.ids.tolist(), encoding.oov.tolist(), tokenizer.tokens(text))
        assert tokenizer.read(text) == tokenizer.read(text) == expected
        long = text + " the cat" * 200
        assert tokenizer.ids(text) == expected.ids
        assert tokenizer.ids(long) == tokenizer.encode(long).ids.tolist()
        together = tokenizer.encode_all([text, "cat", text], ended=True)
        assert [row.ids.tolist() for row in together] == [
            [*tokenizer.encode(t).ids.tolist(), 1] for t in (text, "cat", text)
        ]


def test_what_is_remembered_is_bounded(monkeypatch) -> None:
    monkeypatch.setattr(word_tokenizer, "REMEMBERED", 4)
    cut: list[str] = []

    def cutter(pieces: list[str]) -> list[Piece]:
        cut.extend(pieces)
        return [Piece([len(piece)], [False], [piece]) for piece in pieces]

    memory = Pieces(cutter)
    long = "x" * (word_tokenizer.LONGEST + 1)
    for text in ("a b c", "a c b", f"{long} {long}", "d e a", "a"):
        assert memory.read(text).surfaces == text.split(" ")
    assert cut == ["a", "b", "c", long, "d", "e", "a"]  # at the fifth piece all were forgotten
