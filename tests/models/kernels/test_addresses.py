"""The address of an array is what numpy says, whether it may be written or holds anything or not."""

import numpy as np
import pytest

from models.kernels.workspace import address_of

WHOLE = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
LOCKED = WHOLE.copy()
LOCKED.flags.writeable = False


@pytest.mark.parametrize("array", [WHOLE, WHOLE[1:], WHOLE[:, 1:], WHOLE[:0], LOCKED, np.zeros(3, np.bool_)])
def test_it_is_what_numpy_says(array: np.ndarray) -> None:
    assert address_of(array) == array.ctypes.data
