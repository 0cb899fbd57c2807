"""The output layer of int8 networks: vectors to log-probabilities of the vocabulary."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.kernels.openmp import run_parallel
from models.kernels.sampling import SampleArgs
from models.kernels.workspace import WorkspacePool, address_of
from models.model import Floats
from models.neural.int8.forward import MatmulArgs, quantized_bytes
from models.neural.int8.matrix import Int8Matrix
from models.neural.int8.output_layer import OutputArgs, compute_output


class Int8Output:
    """A softmax over the vocabulary, after a projection if there is one, with matrices of bytes.

    A row's log-probabilities are the same to the last bit whatever rows are beside it and however many threads compute.
    """

    def __init__(
        self,
        weight: NDArray[np.floating],
        bias: Floats,
        projection: NDArray[np.floating] | None,
        workspaces: WorkspacePool,
    ) -> None:
        """Quantize `weight` [V, E] and `projection` [E, H]. Raises InvalidInput for one not finite."""
        self._matrix = Int8Matrix(weight, bias)
        self._projection: Int8Matrix | None = None
        if projection is not None:
            self._projection = Int8Matrix(projection, np.zeros(len(projection), np.float32))
        self._workspaces = workspaces
        self.cost = self._matrix.outputs * self._matrix.inputs
        """Multiplications that one row takes, but for those of the projection."""

    def logprobs(self, vectors: Floats) -> Floats:
        """Return log-probabilities [N, V] in nats of vectors [N, H]; not contiguous."""
        vectors, count = np.ascontiguousarray(vectors), len(vectors)
        results = np.empty((count, self._matrix.args.outputs), np.float32)
        with self._workspaces.borrow(self.workspace_sizes(count)) as workspace:
            args = self.args(count, address_of(vectors), vectors.shape[1], address_of(results), workspace)
            run_parallel(compute_output, args, count * self.cost)
        return results[:, : self._matrix.outputs]

    def args(
        self, count: int, rows: int, stride: int, results: int, workspace: list[int], sample: SampleArgs | None = None
    ) -> OutputArgs:
        """Return arguments for `count` vectors at `rows`, with a workspace of `workspace_sizes`."""
        quantized, projected = workspace
        projection = MatmulArgs()
        if self._projection is not None:
            projection = MatmulArgs(self._projection.args, count, rows, stride, quantized, projected)
            rows, stride = projected, self._projection.args.outputs
        return OutputArgs(
            width=self._matrix.outputs,
            product=MatmulArgs(self._matrix.args, count, rows, stride, quantized, results),
            projects=self._projection is not None,
            projection=projection,
            samples=sample is not None,
            sample=sample or SampleArgs(),
        )

    def workspace_sizes(self, count: int) -> list[int]:
        """Return the sizes in bytes of the workspace that `args` needs."""
        if self._projection is None:
            return [quantized_bytes(count, self._matrix.inputs), 0]
        widest = max(self._projection.inputs, self._matrix.inputs)
        return [quantized_bytes(count, widest), 4 * count * self._projection.args.outputs]

    def result_bytes(self, count: int) -> int:
        """Return the size in bytes of the results for `count` vectors, padding included."""
        return 4 * count * self._matrix.args.outputs
