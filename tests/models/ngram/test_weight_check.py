"""Back-off weights that would lead to probabilities above one, against a naive search for them."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from models.errors import CheckpointDamaged
from models.ngram.backoff_table import BackoffTable
from models.ngram.config import NgramConfig
from models.ngram.model import NgramModel
from models.ngram.smoothing.estimator import estimate_from_tokens
from models.ngram.trie_builder import pack
from models.ngram.weight_check import MAX_READS, find_unsound_weight

SIZE = 6


def tokens(seed: int) -> np.ndarray:
    return np.append(np.random.default_rng(seed).integers(1, SIZE, 60), 1).astype(np.int32)


def with_weight(table: BackoffTable, n: int, place: int, weight: float) -> BackoffTable:
    """The table with another weight of one context."""
    orders = table.unpack_orders()
    orders[n - 1].backoff[place] = weight
    return BackoffTable(pack(orders), table.details)


def largest_probability(table: BackoffTable, n: int, place: int) -> float:
    """The most probable word after a context, by its whole row."""
    model = NgramModel(NgramConfig(order=table.order), table)
    state = model.advance(model.null_state(1), np.array([table.ngram_ids(n, place)]))
    return float(np.exp(model.logprobs(state), dtype=np.float64).max())


@pytest.mark.parametrize("smoothing", ["kneser_ney", "katz", "backoff", "mle", "witten_bell"])
@pytest.mark.parametrize("bits", [32, 4])
def test_find_unsound_weight_finds_none_in_what_is_estimated(smoothing: str, bits: int) -> None:
    for seed in range(5):
        config = NgramConfig(order=3, smoothing=smoothing, bits=bits if smoothing != "mle" else 32)
        assert find_unsound_weight(estimate_from_tokens(config, tokens(seed), SIZE).trie, normalized=True) is None


@pytest.mark.parametrize("seed", range(3))
def test_find_unsound_weight_agrees_with_the_rows_of_all_contexts(seed: int) -> None:
    table = estimate_from_tokens(NgramConfig(order=3, smoothing="katz"), tokens(seed), SIZE)
    contexts = [(n, place) for n, size in enumerate(table.order_sizes[:-1], 1) for place in range(size)]
    contexts = [context for context in contexts if table.ngram_ids(*context)[-1] != 1]  # nothing is read after </s>
    found = []
    for context, weight in product(contexts, (0.5, 2.0, 6.0, 700.0)):
        changed = with_weight(table, *context, weight)
        found.append(find_unsound_weight(changed.trie, normalized=True) is not None)
        assert found[-1] == any(largest_probability(changed, *other) > 1.001 for other in contexts)
    assert 0 < sum(found) < len(found)


def test_model_of_forged_weights_is_damaged() -> None:
    table = estimate_from_tokens(NgramConfig(order=3), tokens(1), SIZE)
    forged = with_weight(table, 2, 0, 650.0)
    with pytest.raises(CheckpointDamaged, match="order 2: a back-off weight leads to a probability above one"):
        BackoffTable.from_arrays(forged.arrays(), 3, SIZE, {})
    assert BackoffTable.from_arrays(table.arrays(), 3, SIZE, {}).order == 3
    assert MAX_READS > 1
