"""A service for the tests of tasks, with models for each of them and language models beside."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from models.checkpoint.card import Provenance
from models.checkpoint.counts_file import COUNTS_FILE, counts_tensors
from models.checkpoint.families import FAMILIES_BY_PRECISION
from models.checkpoint.load import Checkpoint, load
from models.checkpoint.save import save
from models.ngram.config import NgramConfig
from models.ngram.counting.extraction import count_ngrams
from tests.helpers.serving import (
    CHARACTERS,
    TEXT,
    WORDS,
    Server,
    classifier,
    fill_in,
    naive_bayes,
    ngram,
    publish,
    publish_with_counts,
    reader,
    recurrent,
    serving,
    tagger,
)


@pytest.fixture(scope="package")
def task_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("tasks") / "checkpoints"
    publish(root, "words", ngram())
    publish_with_counts(root, "counted", NgramConfig(3), TEXT)
    publish(root, "lstm", recurrent())
    publish(root, "sentiment", classifier())
    publish(root, "bayes", naive_bayes())
    publish(root, "animals", tagger(crf=True, constrained=True))
    publish(root, "filler", fill_in())
    publish(root, "stories", reader())
    publish(root, "passages", reader("span"))
    publish(root, "topics", classifier(CHARACTERS, multi_label=True, pooling="mean"), CHARACTERS)
    counts = {COUNTS_FILE: counts_tensors(count_ngrams(WORDS.encode(TEXT).ids, 3, WORDS.vocabulary_size).levels)}
    reversed_text = Provenance("made by a test", "none", recipe={"reversed": True})
    save(root, "mirrored", ngram(), WORDS, reversed_text, extra_files=counts)
    return root


@pytest.fixture(scope="package")
def task_server(task_models: Path) -> Iterator[Server]:
    with serving(task_models) as running:
        yield running


@pytest.fixture(scope="package")
def tasks(task_server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=task_server.url, timeout=60) as open_client:
        yield open_client


@pytest.fixture(scope="package")
def local(task_models: Path) -> dict[str, Checkpoint]:
    """Checkpoints of the models that the service has, opened without it."""
    return {folder.name: load(folder / "1", families=FAMILIES_BY_PRECISION["int8"]) for folder in task_models.iterdir()}
