"""Tokens of `tokenizer.json`: the ids of its own library, special tokens as text, hostile files."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from tokenizers import Tokenizer as HuggingFaceTokenizer

from models.errors import InvalidInput, InvalidText
from models.special_tokens import EOS, UNK
from models.tokenization.config import TokenizerConfig
from models.tokenization.continuations.typed_text import TypedText
from models.tokenization.tokenizer import Tokenizer
from tests.helpers.tokenizers import LINES, hugging_face_file

BOUNDARIES = {"gpt2": "<|endoftext|>", "bert": "[SEP]", "llama": "</s>", "unigram": "</s>", "words": "</s>"}
SPECIAL = ["<s>", "</s>", "<unk>", "[SEP]", "[UNK]", "<|endoftext|>", "<0x41>", "\u2581"]
FRAGMENTS = [*SPECIAL, "the cat", " ", "don't", "\n"]
texts = st.lists(st.sampled_from(FRAGMENTS) | st.text(max_size=5), max_size=12).map("".join)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("huggingface")


@cache
def opened(folder: Path, kind: str) -> tuple[Tokenizer, HuggingFaceTokenizer]:
    """Our tokenizer of a small file, and the file's own library."""
    path = hugging_face_file(folder / f"{kind}.json", kind)
    own = HuggingFaceTokenizer.from_file(str(path))
    own.encode_special_tokens = True
    return Tokenizer.train(TokenizerConfig(file=str(path), boundary=BOUNDARIES[kind]), ()), own


def public_ids(tokenizer: Tokenizer) -> NDArray[np.int32]:
    assert tokenizer.public_ids is not None
    return tokenizer.public_ids


@pytest.mark.parametrize("kind", BOUNDARIES)
@settings(deadline=None, max_examples=60)
@given(text=texts)
def test_huggingface_model_gives_the_ids_of_the_files_library(folder: Path, kind: str, text: str) -> None:
    tokenizer, own = opened(folder, kind)
    boundary, public = own.token_to_id(BOUNDARIES[kind]), public_ids(tokenizer)
    expected: list[int] = []
    for line in text.split("\n"):
        ids = own.encode(line, add_special_tokens=False).ids
        # The vocabularies of the last two hold </s> like any piece. Typed, it is no end, and so it is unknown.
        expected += [*(public[UNK] if i == boundary else i for i in ids), boundary]
    encoding = tokenizer.encode(text)
    written = public[encoding.ids].tolist()
    assert [*written, boundary] == expected
    assert np.count_nonzero(encoding.ids == EOS) == text.count("\n")  # no text makes a boundary, only a newline
    assert tokenizer.internal_ids(written).tolist() == encoding.ids.tolist()


@pytest.mark.parametrize("kind", BOUNDARIES)
@settings(deadline=None, max_examples=30)
@given(text=texts)
def test_huggingface_model_tells_offsets_and_surfaces_of_each_token(folder: Path, kind: str, text: str) -> None:
    tokenizer, _ = opened(folder, kind)
    text = text.replace("\r", "")
    tokens = tokenizer.encode_with_offsets(text)
    assert len(tokens.ids) == len(tokens.surface_forms) == len(tokens.offsets)
    for token, out, form, (begin, end) in zip(*tokens[:3], tokens.offsets.tolist(), strict=True):
        assert 0 <= begin <= end <= len(text)
        assert form == (text[begin:end] if out else tokenizer.vocabulary[token])
        assert (text[begin:end] == "\n") == (token == EOS) or kind == "bert"


@settings(deadline=None, max_examples=60)
@given(text=texts)
def test_huggingface_model_writes_text_back_exactly_where_the_file_can(folder: Path, text: str) -> None:
    for kind in ("gpt2", "llama"):
        tokenizer, _ = opened(folder, kind)
        blank = text.replace("\u2581", "") if kind == "llama" else text  # to Llama this mark is a blank
        blank = blank.replace("\x00", "")
        assert tokenizer.decode(tokenizer.encode(blank).ids) == blank


@pytest.mark.parametrize("kind", BOUNDARIES)
def test_huggingface_model_comes_back_from_its_checkpoint_file(folder: Path, kind: str, tmp_path: Path) -> None:
    tokenizer, own = opened(folder, kind)
    tokenizer.save(tmp_path / "tokenizer.json")
    loaded = Tokenizer.load(tmp_path / "tokenizer.json")
    assert loaded.is_equivalent_to(tokenizer)
    assert (loaded.config, loaded.vocabulary) == (tokenizer.config, tokenizer.vocabulary)
    assert (loaded.config.kind, loaded.config.boundary) == ("file", BOUNDARIES[kind])
    plain = HuggingFaceTokenizer.from_file(str(tmp_path / "tokenizer.json"))  # which reads the saved file, too
    assert plain.encode(LINES[0], add_special_tokens=False).ids == own.encode(LINES[0], add_special_tokens=False).ids


def test_huggingface_model_puts_unknown_and_boundary_first(folder: Path) -> None:
    bert, _ = opened(folder, "bert")
    assert bert.vocabulary[:2] == ["[UNK]", "[SEP]"]
    assert public_ids(bert)[:5].tolist() == [1, 3, 0, 2, 4]
    assert bert.encode("\u4e2d").ids.tolist() == [UNK]
    assert bert.encode("\u4e2d").oov.tolist() == [True]
    gpt2, _ = opened(folder, "gpt2")  # has no unknown token: one is added behind its last
    assert gpt2.vocabulary[:2] == ["<unk>", "<|endoftext|>"]
    assert public_ids(gpt2)[:3].tolist() == [330, 0, 1]
    assert not gpt2.encode("\u4e2d\U0001f600").oov.any()


def test_huggingface_model_shows_tokens_as_text(folder: Path) -> None:
    def shown(kind: str, text: str) -> list[str]:
        tokenizer, _ = opened(folder, kind)
        return [tokenizer.token_text(i) for i in tokenizer.encode(text).ids.tolist()]

    assert shown("gpt2", "the cat")[-1] == " cat"
    assert "".join(shown("bert", "the dogs")) == " the dogs"
    assert "".join(shown("llama", "the caf\u00e9")) == " the caf\u00e9"
    assert opened(folder, "llama")[0].token_bytes(3 + 0xE4) == b"\xe4"  # <s> is the third token


def test_huggingface_model_asks_which_of_several_tokens_is_the_boundary(folder: Path) -> None:
    path = hugging_face_file(folder / "asked.json", "bert")
    with pytest.raises(InvalidInput, match=r"boundary: must name .* several; candidates are \[CLS\], \[SEP\]$"):
        Tokenizer.train(TokenizerConfig(file=str(path)), ())
    with pytest.raises(InvalidInput, match=r"boundary: must be a token .*, not '</s>'; candidates are"):
        Tokenizer.train(TokenizerConfig(file=str(path), boundary="</s>"), ())
    gpt2 = hugging_face_file(folder / "unasked.json", "gpt2")
    assert Tokenizer.train(TokenizerConfig(file=str(gpt2)), ()).config.boundary == "<|endoftext|>"


def changed(folder: Path, kind: str, **changes: Any) -> TokenizerConfig:
    path = hugging_face_file(folder / "changed.json", kind)
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | changes), "utf-8")
    return TokenizerConfig(file=str(path), boundary=BOUNDARIES[kind])


def test_huggingface_model_leaves_out_what_is_for_training_networks(folder: Path) -> None:
    truncation = {"direction": "Right", "max_length": 3, "strategy": "LongestFirst", "stride": 0}
    padding = {
        "strategy": {"Fixed": 9}, "direction": "Right", "pad_to_multiple_of": None, "pad_id": 0, "pad_type_id": 0,
        "pad_token": "[PAD]",
    }  # fmt: skip
    tokenizer = Tokenizer.train(changed(folder, "gpt2", truncation=truncation, padding=padding), ())
    assert tokenizer.encode(LINES[0]).ids.tolist() == opened(folder, "gpt2")[0].encode(LINES[0]).ids.tolist()


def test_huggingface_model_refuses_a_pattern_that_takes_for_ever(folder: Path) -> None:
    split = {"type": "Split", "pattern": {"Regex": "(a+)+$"}, "behavior": "Isolated", "invert": False}
    with pytest.raises(InvalidInput, match="repeats a repetition"):
        Tokenizer.train(changed(folder, "gpt2", pre_tokenizer=split), ())


def test_huggingface_model_turns_a_pattern_that_takes_too_long_into_an_error(folder: Path) -> None:
    pattern = {"Regex": "(a|aa)*$"}  # repeats no repetition, and yet there are many ways to match it
    split = {"type": "Split", "pattern": pattern, "behavior": "Isolated", "invert": False}
    tokenizer = Tokenizer.train(changed(folder, "gpt2", pre_tokenizer=split), ())
    with pytest.raises(InvalidText, match="must be text that the tokenizer's file can split"):
        tokenizer.encode("a" * 60 + "b")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": {"type": "BPE", "vocab": {"a": 1 << 30}, "merges": []}}, "must number its tokens from 0 to"),
        ({"model": {"type": "BPE", "vocab": {"a": -1}, "merges": []}}, "that `tokenizers` reads"),
        ({"model": {"type": "BPE", "vocab": {"a": 0}, "merges": [["x", "y"]]}}, "that `tokenizers` reads"),
        ({"model": {"type": "Llama"}}, "that `tokenizers` reads"),
        ({"model": 3}, "another JSON without a `model`"),
        ({"model": {"type": "WordLevel", "vocab": {"a": 0}, "unk_token": "<unk>"}, "added_tokens": []}, "unknown text"),
        ({"model": {"type": "Unigram", "vocab": [["a", 0.0]], "unk_id": None}, "added_tokens": []}, "unknown text"),
        ({"pre_tokenizer": {"type": "Split", "pattern": {"Regex": "("}, "behavior": "Isolated"}}, "`tokenizers` reads"),
        ({"model": {"type": "BPE", "vocab": {}, "merges": []}, "added_tokens": []}, "must hold tokens"),
    ],
)
def test_huggingface_model_refuses_a_malformed_file(folder: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        Tokenizer.train(changed(folder, "gpt2", **changes), ())


@pytest.mark.parametrize("kind", BOUNDARIES)
@pytest.mark.parametrize("prefix", [" ", " t", "th", "s"])
def test_huggingface_ids_with_prefix_are_those_of_tokens_shown_with_it(folder: Path, kind: str, prefix: str) -> None:
    tokenizer, _ = opened(folder, kind)
    shown = enumerate(tokenizer.names.texts)
    assert tokenizer.ids_with_prefix(prefix).tolist() == [i for i, t in shown if i > EOS and t.startswith(prefix)]


def test_huggingface_model_finds_what_is_typed_as_the_file_normalizes_it(folder: Path) -> None:
    tokenizer, _ = opened(folder, "bert")  # lower case, no accents
    found = [continuation.tokens.tolist() for continuation in tokenizer.continuations.find(TypedText("", " C\u00c4"))]
    assert found == [c.tokens.tolist() for c in tokenizer.continuations.find(TypedText("", " ca"))] != []
    assert next(part.text for part in tokenizer.continuations.find(TypedText("", "A\nThe "))).startswith(b"a\nthe")
    marked, _ = opened(folder, "llama")  # its normalizer writes blanks otherwise, which is no fold
    texts = {part.text for part in marked.continuations.find(TypedText("", " th"))}
    assert all(b" th".startswith(text) for text in texts)
