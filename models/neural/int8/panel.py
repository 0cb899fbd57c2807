"""Panels: 32 rows of a matrix of bytes, as they lie in memory.

`multiply_panel`, the instruction that multiplies rows by one, has the code of `dot_product`.
"""

from __future__ import annotations

from models.kernels.jit import instruction, subroutine

PANEL_OUTPUTS = 32
"""Rows of a matrix in one panel: how many sums one call makes for each row of bytes."""
FACTORS_PER_STEP = 8
"""Factors of each sum that one step of the loop reads; rows are padded with zeros to a multiple."""
BYTES_PER_LANE = 4
"""Neighbouring factors of one sum that lie together: bytes of one 32-bit lane."""


@instruction("models.neural.int8.dot_product", "void")
def multiply_panel(
    rows: int, scales: int, count: int, panel: int, steps: int, results: int, result_stride: int, next_panel: int
) -> None:
    """Multiply rows of bytes by a panel; the arguments are those of `dot_product.DotArgs`.

    Writes (sum of products - offset) * (scale of the row * scale of the matrix row) + bias.
    """


@subroutine
def panel_bytes(factors: int) -> int:
    """Return the size of a panel in bytes for rows of `factors` bytes, a multiple of 8.

    Each matrix row has three numbers of four bytes beside its factors.
    """
    return PANEL_OUTPUTS * (factors + 3 * 4)
