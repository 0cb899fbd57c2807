"""Pipelines of `tokenizers` that split text as SentencePiece does."""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from tokenizers import Tokenizer as HuggingFaceTokenizer

from models.errors import InvalidInput
from models.tokenization.config import TokenizerConfig
from models.tokenization.foreign.piece_file import PieceFile
from models.tokenization.foreign.piece_pipeline import build_piece_pipeline
from models.tokenization.tokenizer import Tokenizer
from tests.helpers.tokenizers import sentence_piece_file, texts

PAGE = (Path(__file__).parents[4] / "docs" / "explanation" / "tokens.md").read_text(encoding="utf-8")
KINDS = {
    "unigram": {},
    "unigram with bytes": {"byte_fallback": True, "vocab_size": 350},
    "bpe": {"model_type": "bpe"},
    "llama": {"kind": "llama"},
    "bpe that keeps blanks": {"model_type": "bpe", "remove_extra_whitespaces": False},
    "bpe without a first blank": {"model_type": "bpe", "add_dummy_prefix": False},
    "unigram with pieces of the user": {"user_defined_symbols": ["<sep>", "the cat", "dog"]},
    "bpe with pieces of the user": {"model_type": "bpe", "user_defined_symbols": ["<sep>", "the cat", "dog"]},
}


@dataclass(repr=False)
class Pair:
    tokenizer: Tokenizer
    pipeline: HuggingFaceTokenizer


@pytest.fixture(scope="module", params=KINDS)
def pair(request, tmp_path_factory):
    options = {"normalization_rule_name": "identity"} | KINDS[request.param]
    path = sentence_piece_file(tmp_path_factory.mktemp("pieces") / "tokenizer.model", **options)
    tokenizer = Tokenizer.train(TokenizerConfig(kind="file", file=str(path), boundary="</s>"), [])
    return Pair(tokenizer, HuggingFaceTokenizer.from_str(json.dumps(tokenizer.pipeline_document())))


def public_ids(tokenizer, text):
    return tokenizer.public_ids[tokenizer.encode(text).ids].tolist()


@settings(max_examples=200, deadline=None)
@given(text=texts)
def test_piece_pipeline_splits_lines_as_sentencepiece_does(pair, text):
    tokenizer, pipeline = pair.tokenizer, pair.pipeline
    for line in text.split("\n"):
        ids = pipeline.encode(line, add_special_tokens=False).ids
        if ids != public_ids(tokenizer, line):
            assert_equally_probable(pipeline, ids, public_ids(tokenizer, line))


@pytest.mark.parametrize("model_type", ["unigram", "bpe"])
def test_piece_pipeline_maps_the_characters_of_real_text(tmp_path, model_type):
    path = sentence_piece_file(tmp_path / "tokenizer.model", model_type=model_type)  # with NFKC
    tokenizer = Tokenizer.train(TokenizerConfig(kind="file", file=str(path), boundary="</s>"), [])
    pipeline = HuggingFaceTokenizer.from_str(json.dumps(tokenizer.pipeline_document()))
    for line in (*PAGE.split("\n"), "\ufb01ne \u2460 \u00bd\u2026 Caf\u00e9 cafe\u0301", "\uff21\u3000b\u00a0c"):
        ids, expected = pipeline.encode(line, add_special_tokens=False).ids, public_ids(tokenizer, line)
        if ids != expected:
            assert_equally_probable(pipeline, ids, expected)


def assert_equally_probable(pipeline, ids, others):
    """Unigram models may split a word in two ways that are equally probable."""
    model = json.loads(pipeline.to_str())["model"]
    assert model["type"] == "Unigram"
    scores = [score for _, score in model["vocab"]]
    assert sum(scores[i] for i in ids) == pytest.approx(sum(scores[i] for i in others), rel=1e-6)


@pytest.mark.parametrize("text", ["a <unk> b", "</s>", "<s>the<sep>the cat", "  two  blanks ", "\u2581mark", ""])
def test_piece_pipeline_takes_names_and_blanks_as_sentencepiece_does(pair, text):
    tokenizer, pipeline = pair.tokenizer, pair.pipeline
    assert pipeline.encode(text, add_special_tokens=False).ids == public_ids(tokenizer, text)


@pytest.mark.parametrize("text", ["The cat sat.", "a dog, quickly"])
def test_piece_pipeline_decodes_its_text(pair, text):
    pipeline = pair.pipeline
    assert pipeline.decode(pipeline.encode(text, add_special_tokens=False).ids) == text


@pytest.mark.parametrize("options", [{"model_type": "char"}, {"treat_whitespace_as_suffix": True}])
def test_piece_pipeline_refuses_what_it_cannot_express(tmp_path, options):
    path = sentence_piece_file(tmp_path / "tokenizer.model", **options)
    with pytest.raises(InvalidInput, match="model: must have a tokenizer of kind unigram or BPE"):
        build_piece_pipeline(PieceFile.parse(path.read_bytes()))


def test_piece_pipeline_missing_leaves_a_document_of_our_own(tmp_path):
    path = sentence_piece_file(tmp_path / "tokenizer.model", model_type="char")
    tokenizer = Tokenizer.train(TokenizerConfig(kind="file", file=str(path), boundary="</s>"), [])
    tokenizer.save(tmp_path / "tokenizer.json")
    assert (
        Tokenizer.load(tmp_path / "tokenizer.json").encode("the cat").ids.tolist()
        == tokenizer.encode("the cat").ids.tolist()
    )
    with pytest.raises(Exception, match="data did not match any variant"):  # `tokenizers` knows no such model
        HuggingFaceTokenizer.from_file(str(tmp_path / "tokenizer.json"))
