"""Models in memory: which one goes, which ones stay, and what is really freed."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path

import pytest

from app.engine.registry.model_memory import MemoryLimits, ModelMemory, memory_bytes
from app.engine.registry.model_registry import ModelRegistry
from app.engine.registry.snapshot import ServedModel
from app.engine.warm_up import warm_up
from models.checkpoint.families import FAMILIES_BY_PRECISION
from models.checkpoint.load import load
from models.model import Model
from tests.helpers.serving import (
    classifier,
    fill_in,
    naive_bayes,
    ngram,
    publish,
    publish_mixture,
    reader,
    recurrent,
    tagger,
)


@pytest.fixture
def served(tmp_path: Path) -> dict[str, ServedModel]:
    """Four n-gram models, and a mixture of the first two."""
    refs = [publish(tmp_path, name, ngram(order=1)) for name in "abcd"]
    refs.append(publish_mixture(tmp_path, "mix", "a", "b"))
    return {ref.id: ServedModel(ref, load(ref.path)) for ref in refs}


def fill(memory: ModelMemory, served: dict[str, ServedModel], names: str, *pinned: str) -> list[str]:
    return [gone for name in names.split() for gone in memory.add(served[f"{name}@1"], frozenset(pinned))]


def test_model_memory_lets_the_least_recently_used_go(served: dict[str, ServedModel]) -> None:
    size = memory_bytes(served["a@1"].checkpoint.card)
    memory = ModelMemory(MemoryLimits(max_bytes=2 * size + 1000))
    assert fill(memory, served, "a b") == []
    memory.touch("a@1")
    assert fill(memory, served, "c") == ["b@1"]
    assert fill(memory, served, "d") == ["a@1"]
    assert sorted(memory.loaded) == ["c@1", "d@1"]
    assert memory.bytes <= 2 * size + 1000


def test_model_memory_keeps_what_is_pinned_and_what_others_are_made_of(served: dict[str, ServedModel]) -> None:
    memory = ModelMemory(MemoryLimits(max_bytes=0))
    assert fill(memory, served, "a b", "a@1", "b@1") == []
    assert fill(memory, served, "mix c", "a@1", "mix@1") == []  # b@1 is a member
    assert fill(memory, served, "d", "a@1") == ["mix@1", "b@1", "c@1"]
    assert sorted(memory.loaded) == ["a@1", "d@1"]


def test_model_memory_keeps_one_that_is_larger_than_the_bound(served: dict[str, ServedModel]) -> None:
    memory = ModelMemory(MemoryLimits(max_bytes=1))
    assert fill(memory, served, "a b c") == ["a@1", "b@1"]
    assert list(memory.loaded) == ["c@1"]


MADE = {
    "ngram": ngram,
    "lstm": recurrent,
    "classifier": classifier,
    "naive_bayes": naive_bayes,
    "tagger": tagger,
    "fill_in": fill_in,
    "reader": reader,
}


@pytest.mark.parametrize("precision", ["int8", "float32"])
def test_registry_frees_a_model_that_it_lets_go_without_garbage_collection(tmp_path: Path, precision: str) -> None:
    """A loaded model is taken out of garbage collection: a cycle would keep its memory for good."""
    for name, make in MADE.items():
        publish(tmp_path, name, make())
    publish_mixture(tmp_path, "mixture", "ngram", "lstm")
    families = FAMILIES_BY_PRECISION[precision]
    models: dict[str, weakref.ref[Model]] = {}

    def load_warm(path: Path):
        checkpoint = warm_up(load(path, families=families, find_loaded=registry.loaded_checkpoint))
        models[path.parent.name] = weakref.ref(checkpoint.model)
        return checkpoint

    registry = ModelRegistry(tmp_path, load_warm, MemoryLimits(preload=0, max_bytes=0), families)
    registry.refresh()
    gc.disable()
    try:
        for name in ("mixture", *MADE):
            registry.get(name)
        alive = {name for name, model in models.items() if model() is not None}
    finally:
        gc.enable()
    assert alive == {"reader"}
    assert registry.evictions == registry.loads - 1
