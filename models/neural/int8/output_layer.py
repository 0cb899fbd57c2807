"""The compiled output layer of int8 networks: log-probabilities and sampled tokens.

Each row is finished, by softmax and sampling, while its product lies in a processor's cache. Entry functions:
`compute_output`, and `decode_step`, which also reads the sampled tokens, so that a decode step is one compiled call.

Numba keeps compiled code by the time of the file that it is defined in, so code kept from before would read the records
of `forward` as they were: a change of `ForwardArgs` or `MatmulArgs` needs one of this file.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from models.kernels.jit import array_at, subroutine
from models.kernels.openmp import Team, parallel_for, task_record
from models.kernels.sampling import SampleArgs, sample_row
from models.kernels.softmax import SoftmaxBuffers, log_softmax, softmax_buffers
from models.neural.int8.forward import ForwardArgs, MatmulArgs, matmul, run_layers


class OutputArgs(NamedTuple):
    """Arguments of `compute_output`."""

    width: int
    """V: the first columns of the product that become log-probabilities; the others are padding."""
    product: MatmulArgs
    """Hidden vectors, or their projections, times the output matrix; log-probabilities replace the results."""
    projects: int
    """Whether the hidden vectors are projected first."""
    projection: MatmulArgs
    """Its results are the rows of `product`."""
    samples: int
    """Whether tokens are sampled; log-probabilities of excluded ones become -inf then."""
    sample: SampleArgs


class StepArgs(NamedTuple):
    """Arguments of `decode_step`."""

    output: OutputArgs
    """Samples tokens."""
    forward: ForwardArgs
    """Reads them."""


_OUTPUT_TASK, _STEP_TASK = task_record(OutputArgs), task_record(StepArgs)


def compute_output(task_address: int) -> None:
    """Entry function: compute log-probabilities, as OutputArgs say."""
    task = array_at(task_address, 1, _OUTPUT_TASK)[0]
    _output_layer(task.team, task.args)


def decode_step(task_address: int) -> None:
    """Entry function: sample a token of each sequence and read it, as StepArgs say."""
    task = array_at(task_address, 1, _STEP_TASK)[0]
    run_layers(task.team, task.args.forward, _output_layer(task.team, task.args.output))


@subroutine
def _output_layer(team: Team, args: OutputArgs) -> int:
    """Compute log-probabilities on all threads; iterations from 0 on. Returns the number of the next one."""
    begin = matmul(team, args.projection, 0) if args.projects else 0
    begin = matmul(team, args.product, begin)
    return _finish_rows(team, begin, args.product.row_count, (args, softmax_buffers(args.width)))


@parallel_for
@subroutine
def _finish_rows(n: int, args: tuple[OutputArgs, SoftmaxBuffers]) -> None:
    """Make log-probabilities of row n of the product and, if wanted, sample its token."""
    call, buffers = args
    address = call.product.results + 4 * n * call.product.matrix.outputs
    row = array_at(address, call.width, np.float32)
    log_softmax(row, buffers)
    if call.samples:
        sample_row(row, call.sample, n, buffers)
