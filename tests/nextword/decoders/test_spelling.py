"""Words and letters of decoders, in the tokens of every kind of model."""

import pytest

from models.errors import InvalidInput
from models.tokenization.config import TokenizerConfig
from models.tokenization.tokenizer import Tokenizer
from nextword.decoders.spelling import Spelling, WordSpeller, spell_tokens, spell_words
from tests.helpers.tokenizers import SENTENCE_PIECE_KINDS, hugging_face_file, sentence_piece_file

TEXT = ["a cat sat, don't sit\nthe cat's hat\n"] * 5
KINDS = {
    "word": TokenizerConfig(),
    "lower-case words": TokenizerConfig(lowercase=True),
    "character": TokenizerConfig(kind="character"),
    "bpe": TokenizerConfig(kind="bpe", max_size=280),
    "unigram": TokenizerConfig(kind="unigram", max_size=300),
}


@pytest.mark.parametrize("name", KINDS)
def test_words_are_spelled_as_texts_are(name):
    tokenizer = Tokenizer.train(KINDS[name], TEXT)
    words = ["cat", "don't", "sat,", "hat"]
    spellings = spell_words(tokenizer, words)
    ids = [*spellings[0].first, *(i for spelling in spellings[1:] for i in spelling.later)]
    assert ids == tokenizer.encode(" ".join(words)).ids.tolist()
    assert not any(spelling.is_unknown for spelling in spellings)


@pytest.mark.parametrize("kind", ["gpt2", "bert", "llama", "unigram", "words", *SENTENCE_PIECE_KINDS])
def test_words_of_foreign_tokenizers_are_spelled_as_texts_are(tmp_path, kind):
    write = sentence_piece_file if kind in SENTENCE_PIECE_KINDS else hugging_face_file
    file, boundary = write(tmp_path / "tokenizer", kind), {"gpt2": "<|endoftext|>", "bert": "[SEP]"}.get(kind, "</s>")
    tokenizer = Tokenizer.train(TokenizerConfig(kind="file", file=str(file), boundary=boundary), [])
    (first, _, _), (_, later, _) = spell_words(tokenizer, ["the", "dog"])
    assert [*first, *later] == tokenizer.encode("the dog").ids.tolist()


def test_words_that_the_vocabulary_lacks_are_unknown():
    tokenizer = Tokenizer.train(KINDS["word"], TEXT)
    assert WordSpeller(tokenizer).spell("dog") == Spelling((0,), (0,), is_unknown=True)
    assert WordSpeller(tokenizer).spell("<unk>") == Spelling((0,), (0,), is_unknown=True)
    assert WordSpeller(tokenizer).spell("") == Spelling((), ())


def test_letters_are_those_of_a_character_model():
    tokenizer = Tokenizer.train(KINDS["character"], TEXT)
    blank, silence, letter, unknown = spell_tokens(tokenizer, ["-", "|", "c", "Z"])
    assert blank == Spelling((), ())
    assert [tokenizer.vocabulary[i] for i in (*silence.first, *letter.later)] == [" ", "c"]
    assert unknown == Spelling((0,), (0,), is_unknown=True)


def test_pieces_are_those_that_both_models_share():
    tokenizer = Tokenizer.train(KINDS["unigram"], TEXT)
    pieces = tokenizer.vocabulary[250:260]
    assert [spelling.first for spelling in spell_tokens(tokenizer, pieces)] == [(i,) for i in range(250, 260)]


def test_letters_are_refused_for_a_model_of_words():
    with pytest.raises(InvalidInput, match="tokens: need a model of characters or sub-word tokens"):
        spell_tokens(Tokenizer.train(KINDS["word"], TEXT), ["a"])
