"""N-gram models over the pieces of a file, beside KenLM and beside words that are those pieces."""

import math
from pathlib import Path

import kenlm
import numpy as np
import pytest
from sentencepiece import SentencePieceProcessor

from models.data.corpus import Corpus
from models.ngram.config import NgramConfig
from models.ngram.formats.arpa import write_arpa
from models.ngram.model import NgramModel
from models.recipes.build import BuiltModel, build
from models.recipes.import_model import import_model
from models.recipes.import_recipe import ImportRecipe
from models.recipes.recipe import Recipe
from models.tokenization.config import TokenizerConfig
from models.utils.progress import run_to_completion
from tests.helpers.tokenizers import LINES, hugging_face_file, sentence_piece_file

ORDER = 5
WORDS = sorted({word for line in LINES for word in line.split()})


def sentences(seed: int, count: int) -> list[str]:
    numbers = np.random.default_rng(seed)
    return [" ".join(numbers.choice(WORDS, size=numbers.integers(1, 12))) for _ in range(count)]


def write(path: Path, lines: list[str]) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    return path


def count(path: Path, tokenizer: TokenizerConfig) -> BuiltModel:
    recipe = Recipe("pieces", (path,), NgramConfig(ORDER), tokenizer, validation_fraction=0)
    return run_to_completion(build(recipe))


@pytest.fixture
def pieces(tmp_path: Path) -> TokenizerConfig:
    path = sentence_piece_file(tmp_path / "spm.model", character_coverage=1.0)
    return TokenizerConfig(file=str(path), boundary="</s>")


def arpa_of(built: BuiltModel, path: Path) -> Path:
    assert isinstance(built.model, NgramModel)
    with path.open("w", encoding="utf-8") as file:
        write_arpa(built.model.table, built.tokenizer.ngram_words(), file)
    return path


def test_ngrams_over_pieces_score_as_kenlm_scores_the_output_of_spm_encode(
    tmp_path: Path, pieces: TokenizerConfig
) -> None:
    built = count(write(tmp_path / "train.txt", sentences(1, 300)), pieces)
    peer = kenlm.Model(str(arpa_of(built, tmp_path / "pieces.arpa")))
    processor = SentencePieceProcessor(model_file=pieces.file)
    for line in sentences(2, 50):
        encoded = " ".join(processor.encode(line, return_type=str))  # what `spm_encode` writes
        expected = [score * math.log(10) for score, _, _ in peer.full_scores(encoded)]
        ids = built.tokenizer.encode(line + "\n").ids
        scores, _ = built.model.score(built.model.begin_state(1), ids[None])
        assert scores[0].tolist() == pytest.approx(expected, abs=1e-4)


def test_ngrams_over_pieces_are_those_of_words_that_are_the_pieces(tmp_path: Path, pieces: TokenizerConfig) -> None:
    # The estimates over such words equal those of lmplz: `python -m benchmarks.quality.parity`.
    lines = sentences(1, 300)
    built = count(write(tmp_path / "train.txt", lines), pieces)
    processor = SentencePieceProcessor(model_file=pieces.file)
    encoded = write(tmp_path / "encoded.txt", [" ".join(processor.encode(line, return_type=str)) for line in lines])
    listed = write(tmp_path / "vocabulary.txt", built.tokenizer.ngram_words())
    words = count(encoded, TokenizerConfig(file=str(listed), pretokenized=True))
    assert words.tokenizer.vocabulary == built.tokenizer.ngram_words()
    expected = words.model.tensors()
    for name, array in built.model.tensors().items():
        assert array.tobytes() == expected[name].tobytes()


@pytest.mark.parametrize("kind", ["gpt2", "bert", "llama", "words"])
def test_arpa_over_the_tokens_of_a_file_comes_back(tmp_path: Path, kind: str) -> None:
    boundary = {"gpt2": "<|endoftext|>", "bert": "[SEP]"}.get(kind, "</s>")
    config = TokenizerConfig(file=str(hugging_face_file(tmp_path / "tokenizer.json", kind)), boundary=boundary)
    built = count(write(tmp_path / "train.txt", sentences(3, 200)), config)
    recipe = ImportRecipe("pieces", arpa_of(built, tmp_path / "pieces.arpa"), config)
    imported = run_to_completion(import_model(recipe))
    assert imported.tokenizer.is_equivalent_to(built.tokenizer)
    text = Corpus.open(write(tmp_path / "test.txt", sentences(4, 40)), config=built.tokenizer.config)
    ids = text.encode(built.tokenizer).ids[None]
    rows = [model.score(model.begin_state(1), ids)[0][0] for model in (built.model, imported.model)]
    assert rows[0] == pytest.approx(rows[1], abs=1e-5)
