"""`nextword counts`, and options of `nextword train` about counts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from models.checkpoint.load import load
from tests.helpers.command_line import Run

FIRST, SECOND = "the cat sat .\n" * 20 + "a dog ran .\n" * 7, "sat the cat .\n" * 20 + ". ran a dog\n" * 7
"""Texts of one vocabulary, numbered alike."""


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / name for name in ("first.txt", "second.txt", "both.txt")]
    for path, text in zip(paths, (FIRST, SECOND, FIRST + SECOND), strict=True):
        path.write_text(text)
    return paths


def test_counts_merge_and_extend_equal_training_on_both_texts(nextword: Run, files: list[Path], tmp_path: Path) -> None:
    root = tmp_path / "checkpoints"
    first, second, both = files
    shared = ("--order", "3", "--validation-fraction", "0", "--quiet")
    assert nextword("train", first, "--name", "first", "--keep-counts", *shared, root=root).status == 0
    extended = nextword("train", second, "--name", "extended", "--extends", "first", *shared, root=root)
    assert extended.status == 0, extended.err
    assert nextword("train", both, "--name", "both", *shared, root=root).status == 0
    assert nextword("train", first, first, "--name", "twice", *shared, "--memory", "8G", root=root).status == 0
    merged = nextword("counts", "merge", "first", "first@1", "--name", "merged", root=root)
    assert merged.status == 0, merged.err
    for output, expected in (("extended", "both"), ("merged", "twice")):
        tensors = [load(root / name / "1").model.tensors() for name in (output, expected)]
        assert {k: v.tolist() for k, v in tensors[0].items()} == {k: v.tolist() for k, v in tensors[1].items()}
    assert (root / "merged" / "1" / "counts.safetensors").exists()
    refused = nextword("counts", "merge", "first", "both", "--name", "merged", root=root)
    assert refused.status == 1
    assert "without keeping counts" in refused.err


def test_counts_merge_refuses_other_vocabularies(nextword: Run, files: list[Path], tmp_path: Path) -> None:
    root = tmp_path / "checkpoints"
    for name, flag in (("one", "--no-lowercase"), ("two", "--lowercase")):
        assert nextword("train", files[0], "--name", name, "--keep-counts", flag, "--quiet", root=root).status == 0
    refused = nextword("counts", "merge", "one", "two", "--name", "merged", root=root)
    assert "one vocabulary" in refused.err


@pytest.mark.parametrize("size", ["much", "1k"])
def test_train_refuses_a_bad_memory_size(nextword: Run, files: list[Path], tmp_path: Path, size: str) -> None:
    refused = nextword("train", files[0], "--name", "x", "--memory", size, root=tmp_path)
    assert refused.status == 2
    assert "memory" in refused.err


def test_counts_show_prints_each_ngram_with_its_context(nextword: Run, files: list[Path], tmp_path: Path) -> None:
    root = tmp_path / "checkpoints"
    options = ("--order", "3", "--smoothing", "mle", "--keep-counts", "--validation-fraction", "0", "--quiet")
    assert nextword("train", files[0], "--name", "cats", *options, root=root).status == 0
    shown = nextword("counts", "show", "cats", "the cat sat", "dog the cat", root=root)
    # 20 lines of five tokens and 7 of five: the cat sat . </s>, a dog ran . </s>
    assert shown.out.splitlines() == [
        "1.000000\t20\t20\tthe cat sat",
        "1.000000\t20\t20\tcat sat",
        f"{20 / 135:.6f}\t20\t135\tsat",
        "undefined\t0\t0\tdog the cat",
        "1.000000\t20\t20\tthe cat",
        f"{20 / 135:.6f}\t20\t135\tcat",
    ]
    ends = json.loads(nextword("counts", "show", "cats", "a", "--bos", "--json", root=root).out)
    assert ends["results"][0]["counts"][0] == {
        "order": 2,
        "ngram": ["</s>", "a"],
        "count": 7,
        "context_count": 27,
        "relative_frequency": 7 / 27,
        "continuation_count": 0,
        "successors": 1,
    }
    asked = nextword("next", "cats", "--context", "dog the", "--top-k", "1", root=root)
    assert asked.out == "1.000000\tcat\n"
    assert "never occurs" in asked.err
    assert json.loads(nextword("next", "cats", "--context", "dog the", "--json", root=root).out)["undefined_context"]
    scored = nextword("score", "cats", "--json", stdin=b"dog the cat\nthe cat sat .\n", root=root).out.splitlines()
    # dog begins no line, so nothing follows "</s> dog" or "dog the"; "the cat" is seen, and no line ends after it
    assert [json.loads(line).get("undefined_contexts") for line in scored] == [2, None]


def test_counts_show_refuses_models_without_counts(nextword: Run) -> None:
    refused = nextword("counts", "show", "words", "the cat")
    assert refused.status == 1
    assert "--keep-counts" in refused.err
    assert "n-gram" in nextword("counts", "show", "lstm", "the cat").err


def test_counts_merge_refuses_to_count_a_base_twice(nextword: Run, files: list[Path], tmp_path: Path) -> None:
    root = tmp_path / "checkpoints"
    first, second, both = files
    shared = ("--order", "3", "--validation-fraction", "0", "--keep-counts", "--quiet")
    assert nextword("train", first, "--name", "base", *shared, root=root).status == 0
    for name, text in (("a", second), ("b", both)):
        assert nextword("train", text, "--name", name, "--extends", "base", *shared, root=root).status == 0
    refused = nextword("counts", "merge", "a", "b", "--name", "merged", root=root)
    assert refused.status != 0
    assert "a@1 and b@1 were both made of first.txt (both extend base@1), which would be counted twice" in refused.err
    allowed = nextword("counts", "merge", "a", "b", "--name", "merged", "--allow-repeated", root=root)
    assert allowed.status == 0, allowed.err
    notes = load(root / "merged" / "1").card.provenance.metrics["notes"]
    assert notes[0].startswith("a@1 and b@1 were both made of first.txt")
