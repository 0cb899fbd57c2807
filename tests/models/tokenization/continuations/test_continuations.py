"""Continuations of typed text: those found by tokenizing every text that begins with it."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.tokenization.config import TokenizerConfig
from models.tokenization.continuations.continuations import Continuations
from models.tokenization.continuations.typed_text import TypedText
from models.tokenization.encoding import TokenModel
from models.tokenization.token_models import build_token_model
from models.tokenization.tokenizer import Tokenizer
from tests.helpers.tokenizers import hugging_face_file, sentence_piece_file

WORDS = ["<unk>", "</s>", "do", "don", "n", "n't", "'s", "'t", "'", "''", "-", "--", "d", "Do", "DON", "ndo", "well"]
SUB_WORD_TEXT = "do don't don do dodo nodo o'don жо жо жд до\n" * 3


def bpe(size: int, text: str = SUB_WORD_TEXT, **settings: bool) -> TokenModel:
    tokenizer = Tokenizer.train(TokenizerConfig(kind="bpe", max_size=size, **settings), [text])
    return build_token_model(tokenizer.config, tokenizer.vocabulary, tokenizer.merges)


def words(*vocabulary: str, **settings: bool) -> TokenModel:
    return build_token_model(TokenizerConfig(**settings), vocabulary or WORDS, ())


def found(model: TokenModel, typed: str, **settings: bool) -> set[tuple[int, ...]]:
    continuations = Continuations(model).find(TypedText("", typed), **settings)
    sequences = [(*part.head, token) for part in continuations for token in part.tokens.tolist()]
    assert len(set(sequences)) == len(sequences)
    return set(sequences)


def enumerated(model: TokenModel, typed: str, alphabet: str, length: int) -> set[tuple[int, ...]]:
    """Return the shortest beginnings that reach the end of `typed` of every text that begins with it."""
    sequences = set()
    for size in range(length + 1):
        for extension in product(alphabet, repeat=size):
            ids = model.encode(typed + "".join(extension)).tolist()
            reached, sequence = 0, []
            text = (typed + "".join(extension)).encode()
            for i in ids:
                if i < 2:
                    break
                spelling = model.token_bytes(i)
                reached = text.index(spelling, reached) + len(spelling)
                sequence.append(i)
                if reached >= len(typed.encode()):
                    sequences.add(tuple(sequence))
                    break
    return sequences


@pytest.mark.parametrize("typed", ["d", "do", "don", "don'", "don't", "dn", "-", "d-", "n", "n'", "do don'", "o-d"])
def test_continuations_of_words_are_those_of_all_texts(typed: str) -> None:
    model = words()
    expected = enumerated(model, typed, "don't- s", 4)
    known = {sequence for sequence in found(model, typed) if 0 not in sequence}
    assert known - {sequence for sequence in known if model.vocabulary[sequence[-1]] == "well"} == expected


@settings(max_examples=60, deadline=None)
@given(st.text("don't- s", min_size=1, max_size=6))
def test_continuations_of_any_typed_words_are_those_of_all_texts(typed: str) -> None:
    model = words(*WORDS[:-1], "s", "t", "o", "no")
    expected = enumerated(model, typed, "don't- s", 3)
    if not any(0 in sequence for sequence in found(model, typed)):
        assert expected <= found(model, typed)


@pytest.mark.parametrize("size", [262, 275, 290])
@pytest.mark.parametrize("typed", ["d", " ", "do", " do", " do ", "don'", " don't", "  ", "x d", "д", " жо", "o'd"])
def test_continuations_of_sub_words_are_those_of_all_texts(size: int, typed: str) -> None:
    model = bpe(size)
    alphabet = "don' тждо"
    letters = {byte for letter in alphabet for byte in letter.encode()}
    expected = enumerated(model, typed, alphabet, 3)
    longest = 3  # of the last tokens, those that the texts above can reach
    for sequence in found(model, typed):
        text = b"".join(map(model.token_bytes, sequence))
        assert model.encode_bytes(text) == list(sequence)
        assert text.startswith(typed.encode())
        if set(text) <= letters and len(text.decode(errors="ignore")) < len(typed) + longest:
            assert sequence in expected or not is_text(text)
    assert expected <= found(model, typed)


def is_text(spelling: bytes) -> bool:
    try:
        return bool(spelling.decode())
    except UnicodeDecodeError:
        return False


def test_continuations_after_a_blank_are_all_words() -> None:
    model = words("<unk>", "</s>", "the", "cat")
    assert found(model, "the ") == {(2, 0), (2, 1), (2, 2), (2, 3)}


def test_continuations_of_characters_are_read_whole() -> None:
    model = build_token_model(TokenizerConfig(kind="character"), ["<unk>", "</s>", "q", "u"], ())
    assert found(model, "qu") == {(2, 3, 0), (2, 3, 1), (2, 3, 2), (2, 3, 3)}


def test_continuations_of_pretokenized_text_are_split_at_blanks_alone() -> None:
    model = words("<unk>", "</s>", "Mr.", "Mr", ".", "don't", pretokenized=True)
    assert found(model, "Mr.") == {(2,)}
    assert found(model, "don'") == {(5,)}


def test_continuations_find_the_words_of_contractions_and_compounds() -> None:
    model = words("<unk>", "</s>", "I", "'ll", "Mr", ".", "well", "-", "known", "kept", "do", "n't")
    spelled = {
        typed: {" ".join(model.vocabulary[i] for i in sequence) for sequence in found(model, typed)}
        for typed in ("don'", "I'l", "Mr.", "well-k", "don")
    }
    assert spelled == {
        "don'": {"do n't"},
        "I'l": {"I 'll"},
        "Mr.": {"Mr ."},
        "well-k": {"well - known", "well - kept"},
        "don": {"do n't"},
    }


def test_continuations_of_an_unknown_word_are_those_of_unk() -> None:
    model = words("<unk>", "</s>", "-", "known", "'ll", "do", "n't")
    assert found(model, "zebra-k") == {(0, 2, 3)}
    assert found(model, "don'") == {(5, 6)}  # not <unk> 'll


def test_continuations_ignore_case() -> None:
    model = words("<unk>", "</s>", "Well", "-", "Known", "known", "WELL", "well")
    assert found(model, "wel", ignore_case=True) == {(2,), (6,), (7,)}
    assert found(model, "well-KN", ignore_case=True) == {(head, 3, last) for head in (2, 6, 7) for last in (4, 5)}
    assert found(bpe(275), " DO", ignore_case=True) >= found(bpe(275), " do")


def test_continuations_fold_what_was_typed_as_text() -> None:
    model = words("<unk>", "</s>", "the", lowercase=True)
    assert found(model, "Th") == {(2,)}


@pytest.mark.parametrize("context", ["", "the dog", "the"])
@pytest.mark.parametrize("kind", ["unigram", "llama", "gpt2", "hf-llama", "hf-unigram", "bert"])
def test_continuations_in_the_tokens_of_a_file_are_those_of_all_texts(tmp_path: Path, kind: str, context: str) -> None:
    make = sentence_piece_file if kind in ("unigram", "llama") else hugging_face_file
    boundary = {"gpt2": None, "bert": "[SEP]"}.get(kind, "</s>")
    path = make(tmp_path / "file", kind.removeprefix("hf-"))
    model = Tokenizer.train(TokenizerConfig(kind="file", file=str(path), boundary=boundary), ())._model
    continuations = Continuations(model)
    for whole in ("the dog sat.", "a cat,", "sat", "the"):
        for size in range(1, len(whole) + 1):
            typed = (" " if context else "") + whole[:size]
            text = continuations.split(context, typed, True)
            sequences = {(*p.head, i) for p in continuations.find(text) for i in p.tokens.tolist()}
            # The tokens of any text that begins so begin with one of the sequences, and with no two.
            ids = model.encode(f"{context}{(' ' if context else '')}{whole}").tolist()[
                model.encode(text.context).size :
            ]
            assert sum(ids[: len(sequence)] == list(sequence) for sequence in sequences) == 1, (typed, ids)
