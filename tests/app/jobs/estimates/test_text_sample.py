"""Sizes learnt from samples, beside those of the whole text."""

from __future__ import annotations

import gzip
import random
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.jobs.estimates import text_sample
from app.jobs.estimates.text_sample import sample_examples, sample_size
from app.jobs.estimates.text_size import TextSize
from models.data.corpus import Corpus
from models.data.labelled.config import QuestionFormat
from models.ngram.config import NgramConfig
from models.ngram.counting.extraction import count_ngrams
from models.recipes.recipe import Recipe
from models.recipes.task_kinds import TaskConfig
from models.recipes.task_recipe import TaskRecipe
from models.tasks.classification.config import NaiveBayesConfig
from models.tasks.fill_in.config import FillInConfig
from models.tasks.question_answering.config import NearestSentenceConfig
from models.tasks.tagging.config import HmmTaggerConfig
from models.tokenization.config import TokenizerConfig

ORDER, THRESHOLDS = 3, (0, 0, 1)


@pytest.fixture(scope="module")
def text() -> bytes:
    """A text of words by Zipf's law, each likely to be followed by some of the others."""
    numbers = random.Random(3)
    words = [f"w{n}" for n in range(20_000)]
    weights = list(accumulate(1 / (n + 3) for n in range(len(words))))
    lines = []
    for _ in range(12_000):
        line = [numbers.choices(words, cum_weights=weights)[0]]
        while len(line) < 12:
            usual = hash(line[-1][1:]) % 7 < 4
            line.append(
                words[int(line[-1][1:]) * 31 % 500] if usual else numbers.choices(words, cum_weights=weights)[0]
            )
        lines.append(" ".join(line))
    return ("\n".join(lines) + "\n").encode()


def recipe(**tokenizer: object) -> Recipe:
    config = TokenizerConfig(**tokenizer)  # type: ignore[arg-type]
    model = NgramConfig(order=ORDER, prune=THRESHOLDS)
    return Recipe("demo", (Path("t"),), model=model, tokenizer=config, validation_fraction=0)


def whole(path: Path, config: TokenizerConfig) -> TextSize:
    """The size by counting all of the text."""
    tokenizer, encoded = Corpus.open(path, config=config).train_tokenizer(config)
    counts = [level.count for level in count_ngrams(encoded.ids, ORDER, tokenizer.vocabulary_size).levels]
    ngrams = [len(tokenizer.vocabulary), *(len(count) for count in counts[1:])]
    kept = [ngrams[0], *(int(np.sum(count > t)) for count, t in zip(counts[1:], THRESHOLDS[1:], strict=True))]
    return TextSize(path.stat().st_size, len(encoded.ids), tokenizer.vocabulary_size, tuple(ngrams), tuple(kept))


def ratios(size: TextSize, exact: TextSize) -> list[float]:
    pairs = zip((size.tokens, *size.ngrams, *size.kept), (exact.tokens, *exact.ngrams, *exact.kept), strict=True)
    return [estimate / true for estimate, true in pairs]


@pytest.mark.parametrize(
    "tokenizer", [{}, {"min_count": 2}, {"max_size": 500}, {"kind": "character"}, {"kind": "bpe", "max_size": 600}]
)
def test_sample_size_is_near_that_of_the_whole_text(
    text: bytes, tmp_path: Path, tokenizer: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_sample, "SAMPLE_BYTES", 1 << 17)
    monkeypatch.setattr(text_sample, "PIECES_SAMPLE_BYTES", 1 << 17)
    (path := tmp_path / "t").write_bytes(text)
    size = sample_size(recipe(**tokenizer), partial(path.open, "rb"), len(text))
    assert size is not None
    exact = whole(path, TokenizerConfig(**tokenizer))  # type: ignore[arg-type]
    assert all(1 / 1.5 < ratio < 1.5 for ratio in ratios(size, exact)), ratios(size, exact)


@pytest.mark.parametrize("kind", ["word", "bpe"])
def test_sample_size_of_a_text_that_says_each_line_five_times_is_near_that_of_the_whole(
    text: bytes, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_sample, "SAMPLE_BYTES", 1 << 17)
    monkeypatch.setattr(text_sample, "PIECES_SAMPLE_BYTES", 1 << 15)  # a sample of this size says few lines twice
    lines = text.splitlines(keepends=True)[:1400] * 5
    random.Random(1).shuffle(lines)
    (path := tmp_path / "t").write_bytes(b"".join(lines))
    tokenizer = {"kind": kind, "max_size": 600} if kind == "bpe" else {}
    size = sample_size(recipe(**tokenizer), partial(path.open, "rb"), path.stat().st_size)
    assert size is not None
    exact = whole(path, TokenizerConfig(**tokenizer))  # type: ignore[arg-type]
    assert 1 / 1.5 < sum(size.ngrams) / sum(exact.ngrams) < 1.5
    assert 1 / 1.5 < size.tokens / exact.tokens < 1.5


def test_sample_size_of_a_short_text_is_exact(tmp_path: Path) -> None:
    (path := tmp_path / "t").write_text("the cat sat\nthe dog sat\n" * 3)
    size = sample_size(recipe(), partial(path.open, "rb"), path.stat().st_size)
    assert size is not None
    assert ratios(size, whole(path, TokenizerConfig())) == [1] * 7


def test_sample_size_of_a_compressed_text_is_that_of_its_beginning(
    text: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_sample, "SAMPLE_BYTES", 1 << 16)
    (path := tmp_path / "t.gz").write_bytes(gzip.compress(text))
    size = sample_size(recipe(), partial(path.open, "rb"), len(text), seekable=False)
    assert size is not None
    assert size.tokens == pytest.approx(text.count(b" ") + 2 * text.count(b"\n"), rel=0.02)


@pytest.mark.parametrize("content", [b"", b"\xfa\xff" * 100, b"\x89PNG\r\n\x1a\n" + bytes(50)])
def test_sample_size_of_what_is_no_text_is_left_to_the_job(tmp_path: Path, content: bytes) -> None:
    (path := tmp_path / "t").write_bytes(content)
    assert sample_size(recipe(), partial(path.open, "rb"), len(content)) is None


@pytest.mark.parametrize(
    ("config", "name", "content", "tokens"),
    [
        (NaiveBayesConfig(), "a.csv", 'text,label\na good film,1\n"a bad, long film",0\n', 4 + 6),
        (HmmTaggerConfig(), "a.conll", "the D\ncat N\nsat V\n\na D\ndog N\n", 4 + 3),
        (NearestSentenceConfig(), "a.txt", "1 Ann is here.\n2 Where is Ann?\there\t1\n", 9),
        (FillInConfig(), "a.txt", "the cat sat\na dog\n", 4 + 3),
    ],
)
def test_sample_examples_counts_the_tokens_of_each_format(
    tmp_path: Path, config: TaskConfig, name: str, content: str, tokens: int
) -> None:
    (path := tmp_path / "stored").write_text(content)
    fields: dict[str, Any] = {"format": QuestionFormat("babi")} if isinstance(config, NearestSentenceConfig) else {}
    task, opened = TaskRecipe("demo", (Path(name),), config, **fields), partial(path.open, "rb")
    size = sample_examples(task, opened, name, len(content))
    assert size is not None
    assert size.tokens == tokens
    twice = sample_examples(task, opened, name, 2 * len(content))
    assert twice is not None
    assert twice.tokens >= 2 * tokens - 4  # of a cut file the last line may be half


def test_sample_examples_of_another_format_is_left_to_the_job(tmp_path: Path) -> None:
    (path := tmp_path / "stored").write_text("no columns of such names\nat all\n")
    task = TaskRecipe("demo", (Path("a.csv"),), NaiveBayesConfig())
    assert sample_examples(task, partial(path.open, "rb"), "a.csv", 30) is None


def test_sample_size_of_a_missing_file_is_left_to_the_job(tmp_path: Path) -> None:
    assert sample_size(recipe(), partial((tmp_path / "none").open, "rb"), 100 << 20) is None
