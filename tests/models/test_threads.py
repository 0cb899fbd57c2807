"""One number of threads for the process, PyTorch's included, without importing it."""

import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from models.neural.config import RecurrentConfig
from models.neural.model import RecurrentModel, weight_shapes
from models.threads import set_thread_count, thread_count

CONFIG = RecurrentConfig("gru", layers=1, embedding_size=4, hidden_size=4)


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    before = thread_count()
    yield
    set_thread_count(before)


def test_set_thread_count_sets_that_of_torch() -> None:
    set_thread_count(3)
    assert (thread_count(), torch.get_num_threads()) == (3, 3)


@pytest.mark.parametrize("count", [0, -1])
def test_set_thread_count_refuses_less_than_one_and_keeps_what_was_set(count: int) -> None:
    before = thread_count()
    with pytest.raises(ValueError, match=f"count: must be 1 or more, not {count}"):
        set_thread_count(count)
    assert thread_count() == before


def test_float_backend_passes_the_thread_count_on_to_torch() -> None:
    set_thread_count(2)
    torch.set_num_threads(1)  # as if it had been imported only now
    RecurrentModel(CONFIG, {name: np.zeros(shape, np.float32) for name, shape in weight_shapes(CONFIG, 5).items()}, 5)
    assert torch.get_num_threads() == 2


def test_set_thread_count_does_not_import_torch() -> None:
    code = (
        "import sys; from models.threads import set_thread_count; set_thread_count(2); sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
