"""Processor time of a training step by the rows of the batch: what several processes can win.

Processes that train together read a share of the batch each. Where a step on half of the rows takes half of the time,
two processes are twice as fast, but for what they wait for each other; where it does not, no network makes up for it.
Each figure is a median of steps of one thread, on random tokens.
"""

from __future__ import annotations

import statistics
import time

import click
import numpy as np

from models.neural.config import RecurrentConfig
from models.neural.training.config import TrainingConfig
from models.neural.training.trainer import Trainer
from models.neural.training.world import World
from models.threads import set_thread_count

SETTINGS = ((64, 67, 32), (64, 10_000, 32), (256, 10_000, 32), (256, 10_000, 128))
"""Units of an LSTM of one layer, words of its vocabulary, and rows of the batch."""
TOKENS = 200_000


def step_seconds(size: int, vocabulary: int, rows: int, processes: int, steps: int) -> float:
    """Return the median processor time of a step of one of so many processes, in seconds."""
    tokens = (np.random.default_rng(0).zipf(1.3, TOKENS) % vocabulary).astype(np.int32)
    config = RecurrentConfig("lstm", layers=1, embedding_size=size, hidden_size=size)
    trainer = Trainer(config, TrainingConfig(batch_size=rows), tokens, vocabulary, world=World(0, processes))
    times = []
    for _ in range(steps + 2):
        began = time.process_time()
        trainer.advance()
        times.append(time.process_time() - began)
    return statistics.median(times[2:])


@click.command()
@click.option("--steps", default=12, show_default=True, help="Steps that are timed.")
def main(steps: int) -> None:
    """Print the times, and how many times as fast a process is that reads a share."""
    set_thread_count(1)
    click.echo("units   words   rows      of one process   of two          of four")
    for size, vocabulary, rows in SETTINGS:
        times = [step_seconds(size, vocabulary, rows, count, steps) for count in (1, 2, 4)]
        told = [f"{1e3 * seconds:6.1f} ms ({times[0] / seconds:.2f})" for seconds in times]
        click.echo(f"{size:<8}{vocabulary:<8}{rows:<8}{'  '.join(told)}")


if __name__ == "__main__":
    main()
