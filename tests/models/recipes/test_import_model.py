"""Imports of ARPA text: what is published, what is refused, and what a user is told."""

import io
import math
from pathlib import Path

import numpy as np
import pytest

from models.checkpoint.load import load
from models.checkpoint.save import save
from models.errors import InvalidInput
from models.ngram.formats import arpa
from models.recipes.import_model import ImportedModel, import_model
from models.recipes.import_recipe import ImportRecipe
from models.tokenization.config import TokenizerConfig
from models.tokenization.tokenizer import Tokenizer
from models.utils.progress import run_to_completion
from tests.helpers.texts import PRUNED_BY_OTHERS
from tests.helpers.tokenizers import sentence_piece_file

NORMALIZED = """\\data\\
ngram 1=4
ngram 2=2

\\1-grams:
-99\t<s>\t-0.1549020
-0.6020600\t</s>
-0.3010300\ta\t-0.3979400
-0.6020600\t<unk>

\\2-grams:
-0.1549020\t<s> a
-0.2218487\ta </s>

\\end\\
"""
"""P: </s> 0.25, a 0.5, <unk> 0.25; after <s>: a 0.7, the others 0.6 of theirs; after a: </s> 0.6, the others 8/15."""
NORMALIZED = NORMALIZED.replace("-0.1549020\n-0.6", "-0.2218487\n-0.6").replace("-0.3979400", "-0.2730013")


def imported(tmp_path: Path, text: str, **fields: object) -> ImportedModel:
    path = tmp_path / "model.arpa"
    path.write_text(text)
    return run_to_completion(import_model(ImportRecipe("back", path, **fields)))  # type: ignore[arg-type]


def test_import_model_accepts_distributions_that_sum_to_one(tmp_path: Path) -> None:
    result = imported(tmp_path, NORMALIZED, tokenizer=TokenizerConfig(lowercase=True), licence="CC0-1.0")
    assert result.metrics == {"notes": []}
    assert result.model.normalized
    ref = save(tmp_path / "checkpoints", "back", result.model, result.tokenizer, result.provenance("nextword import"))
    card = load(ref.path).card
    assert (card.normalized, card.provenance.licence) == (True, "CC0-1.0")
    assert card.provenance.recipe["file"] == "model.arpa"
    assert list(card.provenance.corpus) == ["model.arpa"]
    assert card.config["estimation"]["normalization"]["contexts"] == 4


def test_import_model_refuses_a_sum_of_three_and_names_its_context(tmp_path: Path) -> None:
    # P(</s> | a) = 1 in place of 0.6, and 10^0.4771213 = 3 times what is passed on: 1 + 3 of 0.75
    text = NORMALIZED.replace("-0.2218487\ta </s>", "0\ta </s>").replace("a\t-0.2730013", "a\t0.4771213")
    with pytest.raises(InvalidInput, match=r"after 1 of 4 contexts, .* after 'a', where the sum is 3.25"):
        imported(tmp_path, text)
    result = imported(tmp_path, text, allow_unnormalized=True)
    assert not result.model.normalized
    assert "sum is 3.25" in result.metrics["notes"][0]
    ref = save(tmp_path / "checkpoints", "back", result.model, result.tokenizer, result.provenance("nextword import"))
    checkpoint = load(ref.path)
    assert not checkpoint.card.normalized
    assert not checkpoint.model.normalized


def test_import_model_counts_what_it_leaves_out(tmp_path: Path) -> None:
    text = NORMALIZED.replace("ngram 2=2", "ngram 2=3").replace("\n\\end\\", "-0.4\t</s> <s>\n\n\\end\\")
    assert imported(tmp_path, text).metrics["notes"] == [
        "1 n-grams with </s> or <s> inside were left out: no text leads there"
    ]


def test_import_model_yields_progress_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "model.arpa"
    path.write_text(PRUNED_BY_OTHERS)
    work = import_model(ImportRecipe("back", path, allow_unnormalized=True))
    assert [round(progress.fraction, 2) for progress in work] == [0.0, 0.5, 0.8, 0.8, 1.0]


def test_import_recipe_refuses_tokenizers_of_other_kinds() -> None:
    with pytest.raises(InvalidInput, match=r"tokenizer.kind"):
        ImportRecipe("back", Path("x"), TokenizerConfig("character"))
    with pytest.raises(InvalidInput, match=r"tokenizer.closed"):
        ImportRecipe("back", Path("x"), TokenizerConfig(closed=True))
    assert arpa.read_arpa(io.StringIO(NORMALIZED))[1] == ["<unk>", "</s>", "a"]


def test_import_model_reads_the_tokens_of_a_tokenizers_file_under_its_ids(tmp_path: Path) -> None:
    file = sentence_piece_file(tmp_path / "pieces.model", "unigram")
    tokenizer = Tokenizer.train(TokenizerConfig(file=str(file), boundary="</s>"), ())
    pieces = [piece for piece in tokenizer.vocabulary[2:] if piece != "<s>"]
    # Half of the mass for each piece in turn, in another order than the tokenizer's, and one for `</s>`.
    lines = [f"{math.log10(0.5 / len(pieces)):.7f}\t{piece}" for piece in reversed(pieces)]
    head = f"\\data\\\nngram 1={len(lines) + 3}\n\n\\1-grams:\n-99\t<s>\n-0.6020600\t</s>\n-0.6020600\t<unk>\n"
    text = head + "\n".join(lines) + "\n\n\\end\\\n"
    result = imported(tmp_path, text, tokenizer=TokenizerConfig(file=str(file), boundary="</s>"))
    assert result.tokenizer.is_equivalent_to(tokenizer)
    ids = result.tokenizer.encode("the cat sat").ids
    logprobs, _ = result.model.score(result.model.begin_state(1), ids[None].astype(np.int64))
    assert logprobs[0] == pytest.approx([math.log(0.5 / len(pieces))] * len(ids), abs=1e-5)
    ref = save(tmp_path / "checkpoints", "back", result.model, result.tokenizer, result.provenance("nextword import"))
    assert np.array_equal(load(ref.path).tokenizer.encode("the cat sat").ids, ids)


def test_import_model_refuses_words_that_the_tokenizer_lacks(tmp_path: Path) -> None:
    file = sentence_piece_file(tmp_path / "pieces.model", "unigram")
    with pytest.raises(InvalidInput, match="1 words of the file are no tokens of the tokenizer, 'zebra!' among them"):
        imported(
            tmp_path,
            NORMALIZED.replace("a\t", "zebra!\t").replace(" a", " zebra!").replace("\ta ", "\tzebra! "),
            tokenizer=TokenizerConfig(file=str(file), boundary="</s>"),
        )
