"""Counts beside a checkpoint: read when needed, and refused where they were altered or are unsound."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from models.checkpoint.card import Provenance
from models.checkpoint.counts_file import COUNTS_FILE, counts_tensors, read_levels
from models.checkpoint.load import load
from models.checkpoint.save import save
from models.errors import CheckpointDamaged
from models.model import Tensors
from models.ngram.config import NgramConfig
from models.ngram.counting.extraction import count_ngrams
from models.ngram.model import NgramModel
from models.ngram.smoothing.estimator import estimate_from_counts
from models.tokenization.config import TokenizerConfig
from models.tokenization.tokenizer import Tokenizer
from models.utils.files import write_tensors

TEXT = "the cat sat .\nthe dog sat .\n"
TOKENIZER = Tokenizer.train(TokenizerConfig(), [TEXT])
COUNTS = count_ngrams(TOKENIZER.encode(TEXT).ids, 3, TOKENIZER.vocabulary_size)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A model that was published with its counts."""
    config = NgramConfig(3)
    model = NgramModel(config, estimate_from_counts(config, COUNTS))
    files = {COUNTS_FILE: counts_tensors(COUNTS.levels)}
    return save(tmp_path, "cats", model, TOKENIZER, Provenance("test", "none"), extra_files=files).path


def loaded(path: Path) -> NgramModel:
    model = load(path).model
    assert isinstance(model, NgramModel)
    return model


def test_counts_are_those_that_were_published(path: Path) -> None:
    counts = loaded(path).counts
    assert counts is not None
    for level, expected in zip(counts.levels, COUNTS.levels, strict=True):
        assert level.count.tolist() == expected.count.tolist()
        assert level.token.tolist() == expected.token.tolist()


def test_counts_are_none_where_their_file_was_taken_away(path: Path) -> None:
    (path / COUNTS_FILE).unlink()
    assert loaded(path).counts is None


def test_counts_that_were_altered_are_refused_when_they_are_needed(path: Path) -> None:
    file = path / COUNTS_FILE
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    model = loaded(path)
    with pytest.raises(CheckpointDamaged, match=COUNTS_FILE):
        _ = model.counts


def overflowing(offsets: np.ndarray) -> np.ndarray:
    """Offsets with two that are far out of bounds, whose differences in int64 are all above zero."""
    offsets = offsets.astype(np.int64)
    offsets[1:3] = 2**62 + 1, -(2**62) - 1
    return offsets


DAMAGE: dict[str, Callable[[Tensors], object]] = {
    "a word that is none": lambda arrays: arrays.update({"token.2": np.full_like(arrays["token.2"], 99)}),
    "a row that is none": lambda arrays: arrays.update({"suffix.3": np.full_like(arrays["suffix.3"], 99)}),
    "a count of zero": lambda arrays: arrays.update({"count.3": np.zeros_like(arrays["count.3"])}),
    "fractions": lambda arrays: arrays.update({"count.3": arrays["count.3"].astype(np.float32)}),
    "contexts that fall": lambda arrays: arrays.update({"begins.2": arrays["begins.2"][::-1].copy()}),
    "contexts whose difference overflows": lambda arrays: arrays.update({"begins.2": overflowing(arrays["begins.2"])}),
    "no context": lambda arrays: arrays.update({"begins.1": arrays["begins.1"][:0]}),
    "an array short": lambda arrays: arrays.pop("suffix.2"),
    "nothing": lambda arrays: arrays.clear(),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_read_levels_refuses_what_is_not_sound(damage: Callable[[Tensors], object], tmp_path: Path) -> None:
    arrays = counts_tensors(COUNTS.levels)
    damage(arrays)
    write_tensors(arrays, tmp_path / COUNTS_FILE)
    with pytest.raises(CheckpointDamaged, match=COUNTS_FILE):
        read_levels(tmp_path / COUNTS_FILE, TOKENIZER.vocabulary_size)
