"""Counts of models published apart: merged to the counts of all texts, told where a text would come twice."""

from pathlib import Path
from typing import Any

import pytest

from models.checkpoint.card import CARD_FILE, Card
from models.checkpoint.load import load
from models.checkpoint.repository import CheckpointRef
from models.checkpoint.save import save
from models.ngram.config import NgramConfig
from models.ngram.model import NgramModel
from models.ngram.smoothing.estimator import estimate_from_counts
from models.recipes.build import build
from models.recipes.published_counts import counted_texts, merge_published_counts, repeated_texts
from models.recipes.recipe import Recipe
from models.tokenization.config import TokenizerConfig
from models.utils.progress import run_to_completion
from tests.helpers.estimation import assert_same_counts
from tests.helpers.tokenizers import LINES, hugging_face_file, sentence_piece_file


def publish(folder: Path, name: str, text: str, **fields: Any) -> CheckpointRef:
    """Publish a trigram model of `text` with its counts."""
    path = folder / f"{name}.txt"
    path.write_text(text, "utf-8")
    recipe = Recipe(name, (path,), NgramConfig(3), validation_fraction=0, keep_counts=True, **fields)
    built = run_to_completion(build(recipe))
    provenance = built.provenance("test")
    return save(folder / "models", name, built.model, built.tokenizer, provenance, extra_files=built.extra_files)


def lines(first: int, last: int) -> str:
    return "".join(f"{line}\n" for line in (LINES * 3)[first:last])


def tokenizer_config(folder: Path, kind: str) -> TokenizerConfig:
    if kind == "words":
        (folder / "words.list").write_text("the\ncat\ndog\nsat\n")
        return TokenizerConfig(file=str(folder / "words.list"), closed=True)
    if kind == "gpt2":
        return TokenizerConfig(file=str(hugging_face_file(folder / "tokenizer.json", kind)))
    return TokenizerConfig(file=str(sentence_piece_file(folder / "spm.model")), boundary="</s>")


@pytest.mark.parametrize("kind", ["words", "gpt2", "sentence_piece"])
def test_merge_of_counts_over_one_file_equals_counting_at_once(tmp_path: Path, kind: str) -> None:
    config = tokenizer_config(tmp_path, kind)
    cuts = ((0, 5), (5, 8), (8, 12))
    parts = [publish(tmp_path, f"part{first}", lines(first, last), tokenizer=config) for first, last in cuts]
    whole = load(publish(tmp_path, "whole", lines(0, 12), tokenizer=config).path)
    assert repeated_texts(parts) == []
    merged = merge_published_counts([part.path for part in parts], 3)
    assert isinstance(whole.model, NgramModel)
    table = estimate_from_counts(NgramConfig(3), merged.counts, closed=config.closed)
    tensors = NgramModel(NgramConfig(3), table).tensors()
    assert {name: array.tolist() for name, array in tensors.items()} == {
        name: array.tolist() for name, array in whole.model.tensors().items()
    }
    assert set(merged.corpus) == {"part0.txt", "part5.txt", "part8.txt"}


def test_extension_over_the_tokens_of_a_file_equals_counting_at_once(tmp_path: Path) -> None:
    config = tokenizer_config(tmp_path, "sentence_piece")
    base = publish(tmp_path, "base", lines(0, 5), tokenizer=config)
    extended = load(publish(tmp_path, "extended", lines(5, 12), extends=base.path).path)
    whole = load(publish(tmp_path, "whole", lines(0, 12), tokenizer=config).path)
    assert extended.tokenizer.is_equivalent_to(whole.tokenizer)
    expected = whole.model.tensors()
    for name, array in extended.model.tensors().items():
        assert array.tobytes() == expected[name].tobytes()


def test_repeated_texts_finds_two_extensions_of_one_base(tmp_path: Path) -> None:
    base = publish(tmp_path, "base", lines(0, 4))
    extended = [publish(tmp_path, name, lines(i, i + 2), extends=base.path) for name, i in (("a", 5), ("b", 6))]
    assert repeated_texts(extended) == ["a@1 and b@1 were both made of base.txt (both extend base@1)"]
    assert repeated_texts([base, extended[0]]) == ["base@1 and a@1 were both made of base.txt"]
    assert repeated_texts([base, base]) == ["base@1 and base@1 were both made of base.txt"]


def test_repeated_texts_leaves_out_the_text_that_both_were_measured_on(tmp_path: Path) -> None:
    held_out = tmp_path / "held_out.txt"
    held_out.write_text(lines(0, 2))
    config = tokenizer_config(tmp_path, "gpt2")
    shards = []
    for name, part in (("a", (0, 4)), ("b", (4, 9))):
        (tmp_path / name).mkdir()
        shards.append(publish(tmp_path / name, "shard", lines(*part), tokenizer=config, validation=held_out))
    assert repeated_texts(shards) == []
    provenance = Card.read(shards[0].path / CARD_FILE).provenance
    assert set(provenance.corpus) == {"shard.txt", "held_out.txt"}
    assert set(counted_texts(provenance)) == {"shard.txt"}
    merged = merge_published_counts([shard.path for shard in shards], 3)
    assert sorted(merged.corpus) == ["shard.txt", "shard@1/shard.txt"]  # two texts of one name


def test_merge_of_one_model_with_itself_counts_it_twice(tmp_path: Path) -> None:
    config = tokenizer_config(tmp_path, "gpt2")
    once = publish(tmp_path, "once", lines(0, 4), tokenizer=config)
    twice = merge_published_counts([publish(tmp_path, "twice", lines(0, 4) * 2, tokenizer=config).path], 3)
    assert_same_counts(merge_published_counts([once.path, once.path], 3).counts, twice.counts)
