"""Every way to lead the loops astray is in test_tables; here, that a table of several orders and books passes."""

import numpy as np
import pytest

from models.errors import CheckpointDamaged
from models.ngram.backoff_table import check_trie
from models.ngram.config import NgramConfig
from tests.helpers.estimation import trained

LINES = np.random.default_rng(7).integers(2, 40, (200, 10)).tolist()


@pytest.mark.parametrize("order", [1, 2, 5])
def test_what_is_estimated_is_sound(order: int) -> None:
    trie = trained(LINES, NgramConfig(order), 40).table.trie
    check_trie(trie, order, 40)
    with pytest.raises(CheckpointDamaged, match="orders"):
        check_trie(trie, order + 1, 40)
