"""Tokens of SentencePiece models: equal ids to `spm_encode`, offsets, exact text, malformed files."""

import contextlib
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sentencepiece import SentencePieceProcessor

from models.errors import CheckpointDamaged, InvalidInput
from models.special_tokens import EOS, UNK
from models.tokenization.config import TokenizerConfig
from models.tokenization.tokenizer import Tokenizer
from tests.helpers.tokenizers import LINES, SENTENCE_PIECE_KINDS, sentence_piece_file

FRAGMENTS = ["<s>", "</s>", "<unk>", "<0x41>", "\u2581", "the cat", "  ", "don't", "\n", "\u4e2d", "e\u0301", "\ufb01"]
texts = st.lists(st.sampled_from(FRAGMENTS) | st.text(max_size=5), max_size=12).map("".join)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sentence_piece")


@cache
def opened(folder: Path, kind: str) -> tuple[Tokenizer, SentencePieceProcessor]:
    path = sentence_piece_file(folder / f"{kind}.model", kind)
    own = SentencePieceProcessor(model_proto=path.read_bytes())
    return Tokenizer.train(TokenizerConfig(file=str(path), boundary="</s>"), ()), own


@pytest.mark.parametrize("kind", SENTENCE_PIECE_KINDS)
@settings(deadline=None, max_examples=80)
@given(text=texts)
def test_sentence_piece_model_gives_the_ids_of_spm_encode(folder: Path, kind: str, text: str) -> None:
    tokenizer, own = opened(folder, kind)
    expected: list[int] = []
    for line in text.split("\n"):
        expected += [*own.encode(line), own.eos_id()]
    encoding = tokenizer.encode(text)
    assert tokenizer.public_ids is not None
    assert [*tokenizer.public_ids[encoding.ids].tolist(), own.eos_id()] == expected
    assert encoding.oov.tolist() == (encoding.ids == UNK).tolist()
    pair = tokenizer.encode_batch(["the cat", text], add_eos=True)
    assert pair[1].ids.tolist() == [*encoding.ids.tolist(), EOS]


@pytest.mark.parametrize("kind", SENTENCE_PIECE_KINDS)
@settings(deadline=None, max_examples=40)
@given(text=texts)
def test_sentence_piece_model_tells_offsets_and_surfaces_of_each_token(folder: Path, kind: str, text: str) -> None:
    tokenizer, _ = opened(folder, kind)
    text = text.replace("\r", "")
    tokens = tokenizer.encode_with_offsets(text)
    assert len(tokens.ids) == len(tokens.surface_forms) == len(tokens.offsets)
    for token, out, form, (begin, end) in zip(*tokens[:3], tokens.offsets.tolist(), strict=True):
        assert 0 <= begin <= end <= len(text)
        assert form == (text[begin:end] if out else tokenizer.vocabulary[token])


def test_sentence_piece_model_gives_the_bytes_of_a_character_its_place(folder: Path) -> None:
    tokenizer, _ = opened(folder, "llama")
    tokens = tokenizer.encode_with_offsets("a \u4e2d\u6587\n\U0001f600")
    places = [tuple(place) for place, form in zip(tokens.offsets.tolist(), tokens.surface_forms, strict=True)
              if form.startswith("<0x")]  # fmt: skip
    assert places == [(2, 3)] * 3 + [(3, 4)] * 3 + [(5, 6)] * 4


@settings(deadline=None, max_examples=80)
@given(text=texts)
def test_sentence_piece_model_writes_back_what_spm_decode_writes(folder: Path, text: str) -> None:
    for kind in SENTENCE_PIECE_KINDS:
        tokenizer, own = opened(folder, kind)
        expected = "\n".join(own.decode(own.encode(line)) for line in text.split("\n"))
        assert tokenizer.decode(tokenizer.encode(text).ids) == expected


def test_sentence_piece_model_comes_back_from_its_checkpoint_file(folder: Path, tmp_path: Path) -> None:
    for kind in SENTENCE_PIECE_KINDS:
        tokenizer, _ = opened(folder, kind)
        path = tmp_path / "tokenizer.json"
        tokenizer.save(path)
        loaded = Tokenizer.load(path)
        assert loaded.is_equivalent_to(tokenizer)
        assert loaded.encode(LINES[1]).ids.tolist() == tokenizer.encode(LINES[1]).ids.tolist()
        loaded.save(tmp_path / "again.json")
        assert (tmp_path / "again.json").read_bytes() == path.read_bytes()
        path.write_text(path.read_text().replace('"file": "', '"file": "AAAA'))
        with pytest.raises(CheckpointDamaged, match="SentencePiece model"):
            Tokenizer.load(path)


def test_sentence_piece_model_takes_the_one_end_that_a_file_has(folder: Path) -> None:
    one = sentence_piece_file(folder / "one.model", bos_id=-1)
    assert Tokenizer.train(TokenizerConfig(file=str(one)), ()).config.boundary == "</s>"
    two = sentence_piece_file(folder / "two.model")
    with pytest.raises(InvalidInput, match=r"boundary: must name .*; candidates are <s>, </s>$"):
        Tokenizer.train(TokenizerConfig(file=str(two)), ())
    none = sentence_piece_file(folder / "none.model", bos_id=-1, eos_id=-1)
    added = Tokenizer.train(TokenizerConfig(file=str(none)), ())
    assert added.vocabulary[EOS] == "</s>"
    assert added.names.public_id(EOS) == added.vocabulary_size - 1  # behind the file's last


def test_sentence_piece_model_refuses_a_damaged_file(folder: Path) -> None:
    path = sentence_piece_file(folder / "damaged.model", bos_id=-1)
    proto, numbers = path.read_bytes(), np.random.default_rng(1)
    for place in numbers.integers(0, len(proto), 60).tolist():
        path.write_bytes(proto[:place] + b"\xe2\x81" + proto[place + 2 :])
        with contextlib.suppress(InvalidInput):  # InvalidText is one, too; anything else would be a fault
            tokenizer = Tokenizer.train(TokenizerConfig(file=str(path)), ())
            tokenizer.decode(tokenizer.encode_with_offsets("The caf\u00e9 sat.\nx").ids)


def test_sentence_piece_is_imported_where_a_model_is_read_alone() -> None:
    code = "import models.tokenization.tokenizer, sys; sys.exit('sentencepiece' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("cut", [3, 60, 500])
def test_sentence_piece_model_refuses_a_truncated_file(folder: Path, cut: int) -> None:
    path = sentence_piece_file(folder / "whole.model")
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(InvalidInput, match="tokenizer: must be a SentencePiece model"):
        Tokenizer.train(TokenizerConfig(file=str(path)), ())
