"""A text's pieces, cut once: what is remembered changes nothing, and is bounded."""

from hypothesis import given, settings
from hypothesis import strategies as st

from models.tokenization import word_tokenizer
from models.tokenization.tokenizer import Tokenizer, TokenizerConfig
from models.tokenization.word_tokenizer import TokenizedText, WordCache

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
        expected = TokenizedText(encoding.ids.tolist(), encoding.oov.tolist(), tokenizer.surface_forms(text))
        assert tokenizer.encode_with_surfaces(text) == tokenizer.encode_with_surfaces(text) == expected
        long = text + " the cat" * 200
        assert tokenizer.encode_ids(text) == expected.ids
        assert tokenizer.encode_ids(long) == tokenizer.encode(long).ids.tolist()
        together = tokenizer.encode_batch([text, "cat", text], add_eos=True)
        assert [row.ids.tolist() for row in together] == [
            [*tokenizer.encode(t).ids.tolist(), 1] for t in (text, "cat", text)
        ]


def test_what_is_remembered_is_bounded(monkeypatch) -> None:
    monkeypatch.setattr(word_tokenizer, "MAX_CACHED_WORDS", 4)
    cut: list[str] = []

    def cutter(pieces: list[str]) -> list[TokenizedText]:
        cut.extend(pieces)
        return [TokenizedText([len(piece)], [False], [piece]) for piece in pieces]

    memory = WordCache(cutter)
    long = "x" * (word_tokenizer.MAX_CACHED_CHARS + 1)
    for text in ("a b c", "a c b", f"{long} {long}", "d e a", "a"):
        assert memory.tokenize(text).surface_forms == text.split(" ")
    assert cut == ["a", "b", "c", long, "d", "e", "a"]  # at the fifth piece all were forgotten
