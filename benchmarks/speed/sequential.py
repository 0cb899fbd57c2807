"""Recurrence against parallel work: an LSTM layer over a text, and its multiply-adds as one product.

A step of a recurrent layer needs the result of the step before, so a text of T tokens is T products one after another,
each too small to keep a processor busy. The one product has as many multiply-adds, 8 H^2 a token, and no order among
the tokens. Both are PyTorch's kernels in float32; rows of a batch are what a recurrent layer can do at once. Times are
the best of the repeats, which whatever else the machine does disturbs least.
"""

from __future__ import annotations

import timeit
from collections.abc import Callable
from typing import cast

import click
import torch

from models.neural.config import NetworkKind, RecurrentConfig
from models.neural.network import RecurrentLayer
from models.threads import set_thread_count


def rates(kind: NetworkKind, size: int, rows: int, length: int, repeats: int) -> tuple[float, float]:
    """Return tokens a second of a recurrent layer over [rows, length] tokens, and of the one product."""
    layer = RecurrentLayer(RecurrentConfig(kind, layers=1, embedding_size=size, hidden_size=size), size)
    for parameter in layer.parameters():
        torch.nn.init.uniform_(parameter, -0.1, 0.1)
    layer.requires_grad_(False)
    inputs = torch.randn(rows, length, size)
    state = tuple(torch.zeros(rows, size) for _ in range(2 if kind == "lstm" else 1))
    weights = torch.cat([layer.weight_ih, layer.weight_hh], 1).T.contiguous()
    both = torch.randn(rows * length, 2 * size)
    product = torch.empty(rows * length, weights.shape[1])
    sequential = rows * length / _best(lambda: layer(inputs, state), repeats)
    return sequential, rows * length / _best(lambda: torch.mm(both, weights, out=product), repeats)


def _best(call: Callable[[], object], repeats: int) -> float:
    """Return the seconds of the quickest call."""
    return min(timeit.repeat(call, number=1, repeat=repeats))


@click.command()
@click.option("--size", default=256, show_default=True, help="Units of the layer, and of its inputs.")
@click.option("--length", default=64, show_default=True, help="Tokens of a text.")
@click.option("--threads", default=1, show_default=True)
@click.option("--repeats", default=150, show_default=True)
def main(size: int, length: int, threads: int, repeats: int) -> None:
    """Print tokens a second of both, for a text alone and for batches."""
    set_thread_count(threads)
    torch.set_num_threads(threads)
    click.echo(f"{'':5}{'rows':>6}{'sequential':>14}{'one product':>14}{'factor':>9}   tokens/s, {size} units")
    for kind in ("lstm", "gru", "rnn"):
        for rows in (1, 8, 32):
            slow, fast = rates(cast("NetworkKind", kind), size, rows, length, repeats)
            click.echo(f"{kind:5}{rows:6}{slow:14,.0f}{fast:14,.0f}{fast / slow:9.1f}")


if __name__ == "__main__":
    main()
