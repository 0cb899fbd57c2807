"""Pieces and settings of a SentencePiece file are those of the library."""

import pytest
from sentencepiece import SentencePieceProcessor

from models.errors import InvalidInput
from models.tokenization.config import TokenizerConfig
from models.tokenization.foreign import piece_file
from models.tokenization.foreign.piece_file import PieceFile
from models.tokenization.foreign.reading import read_tokenizer_file
from models.tokenization.foreign.sentence_piece import DOCUMENT_TYPE
from tests.helpers.tokenizers import sentence_piece_file


@pytest.fixture
def parsed(tmp_path):
    def parse(kind="unigram", **settings):
        path = sentence_piece_file(tmp_path / "tokenizer.model", kind, **settings)
        return PieceFile.parse(path.read_bytes()), SentencePieceProcessor(str(path))

    return parse


@pytest.mark.parametrize("kind", ["unigram", "llama"])
def test_piece_file_has_the_pieces_of_the_library(parsed, kind):
    file, library = parsed(kind, user_defined_symbols=["<sep>"])
    ids = range(library.get_piece_size())
    assert [piece.text for piece in file.pieces] == [library.id_to_piece(i) for i in ids]
    assert [piece.score for piece in file.pieces] == [library.get_score(i) for i in ids]
    for kind_of_piece, is_kind in (
        (piece_file.UNKNOWN, library.is_unknown),
        (piece_file.CONTROL, library.is_control),
        (piece_file.BYTE, library.is_byte),
        (piece_file.UNUSED, library.is_unused),
    ):
        assert [i for i in ids if file.pieces[i].kind == kind_of_piece] == [i for i in ids if is_kind(i)]
    assert file.pieces[library.piece_to_id("<sep>")].kind == piece_file.USER_DEFINED


def test_piece_file_has_the_defaults_of_the_library(parsed):
    file, _ = parsed()
    assert (file.kind, file.byte_fallback, file.suffix_blanks) == (piece_file.UNIGRAM, False, False)
    assert (file.adds_blank, file.removes_blanks) == (True, True)
    assert len(file.character_map) > 1000  # NFKC


@pytest.mark.parametrize(
    ("settings", "field", "value"),
    [
        ({"model_type": "bpe"}, "kind", piece_file.BPE),
        ({"model_type": "char"}, "kind", piece_file.CHARACTER),
        ({"model_type": "word"}, "kind", piece_file.WORD),
        ({"byte_fallback": True, "vocab_size": 350}, "byte_fallback", True),
        ({"treat_whitespace_as_suffix": True}, "suffix_blanks", True),
        ({"add_dummy_prefix": False}, "adds_blank", False),
        ({"remove_extra_whitespaces": False}, "removes_blanks", False),
        ({"normalization_rule_name": "identity"}, "character_map", b""),
    ],
)
def test_piece_file_has_what_it_was_trained_with(parsed, settings, field, value):
    assert getattr(parsed(**settings)[0], field) == value


@pytest.mark.parametrize("odd", [b"\x08\x05", b"\x0a\x06\x0a\x02zy\x10\x01"])
def test_piece_file_refuses_what_the_library_passes_over(tmp_path, odd):
    """A number in place of a piece, and one in place of its score."""
    path = sentence_piece_file(tmp_path / "odd.model", "unigram")
    path.write_bytes(path.read_bytes() + odd)
    assert SentencePieceProcessor(str(path)).get_piece_size()
    with pytest.raises(InvalidInput, match="passes over"):
        PieceFile.parse(path.read_bytes())
    model = read_tokenizer_file(TokenizerConfig(kind="file", file=str(path), boundary="</s>"))
    assert model.document()["model"]["type"] == DOCUMENT_TYPE  # which keeps the file itself, for us alone
