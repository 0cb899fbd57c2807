"""Training beside the plain PyTorch loop: tokens a second, and the perplexity after equal time.

python -m benchmarks.speed.training TRAIN VALID. Both train a tied LSTM of the same sizes on the same text with the same
optimizer, rate, dropout and clipping, in turns of a few seconds, so that whatever else the machine does slows both
alike. Both models are measured by the same code, on the whole softmax.

With --to-best: the plain loop trains, at the best of a few rates, until its validation perplexity stops falling; then
Nextword with its defaults, for more and more epochs, until the end of a training is as good. Seconds are of the
processor, for the steps alone.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import click
import numpy as np
import torch
from torch import Tensor, nn

from app.core.container_limits import cpu_quota
from app.experiments.training_run import run_interleaved
from benchmarks.quality._pretokenized import encode
from models.data.bptt_batches import TokenIds
from models.neural.config import RecurrentConfig
from models.neural.model import RecurrentModel
from models.neural.network import Network
from models.neural.training.config import TrainingConfig
from models.neural.training.train import held_out_loss
from models.neural.training.trainer import Trainer
from models.threads import set_thread_count
from models.utils.progress import run_to_completion

BATCH, BPTT = 20, 35
"""Streams and tokens of a batch of the plain loop with --to-best: those of PyTorch's example."""
RATES = 2e-3, 4e-3, 8e-3
"""Rates of which the plain loop takes the one with the lowest validation perplexity after an epoch."""
PATIENCE = 2
"""Epochs in a row without a new best after which the plain loop has reached its best."""
EPOCHS = 2, 3, 4, 6, 8, 12, 16
"""Epochs planned of Nextword's trainings with --to-best."""


class Texts(NamedTuple):
    """Training text and held-out text as ids, and the number of words in the vocabulary."""

    train: TokenIds
    held_out: TokenIds
    size: int


class Reached(NamedTuple):
    """How far a training has come."""

    epochs: int
    seconds: float
    """Of the processor, for its steps alone."""
    perplexity: float


class Plain(nn.Module):
    """The word language model that PyTorch's own example trains: nn.LSTM, whole softmax, carried vectors."""

    def __init__(self, config: RecurrentConfig, how: TrainingConfig, tokens: TokenIds, size: int) -> None:
        super().__init__()
        self.config, self.how, self.size, self.steps = config, how, size, 0
        self.embedding = nn.Embedding(size, config.embedding_size)
        self.lstm = nn.LSTM(
            config.embedding_size, config.hidden_size, config.layers, dropout=how.dropout, batch_first=True
        )
        self.output = nn.Linear(config.hidden_size, size)
        self.output.weight = self.embedding.weight
        self.dropout = nn.Dropout(how.dropout)
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -0.1, 0.1)
        self.optimiser = torch.optim.AdamW(self.parameters(), how.learning_rate, weight_decay=how.weight_decay)
        width = len(tokens) // how.batch_size
        self.text = torch.from_numpy(tokens[: width * how.batch_size].astype(np.int64)).view(how.batch_size, width)
        self.state: tuple[Tensor, Tensor] | None = None

    def advance(self) -> None:
        """Train on the next batch."""
        bptt, width = self.how.bptt, self.text.shape[1]
        begin = self.steps * bptt % (width - bptt)
        inputs, targets = self.text[:, begin : begin + bptt], self.text[:, begin + 1 : begin + bptt + 1]
        self.optimiser.zero_grad()
        before = None if self.state is None else tuple(part.detach() for part in self.state)
        hidden, self.state = self.lstm(self.dropout(self.embedding(inputs)), before)
        logits = self.output(self.dropout(hidden))
        nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten()).backward()
        nn.utils.clip_grad_norm_(self.parameters(), self.how.clip)
        self.optimiser.step()
        self.steps += 1

    def model(self) -> RecurrentModel:
        """Return the weights as a model of ours."""
        weights = self.lstm.state_dict()
        tensors = {"embedding": self.embedding.weight.detach(), "output_bias": self.output.bias.detach()}
        for name in Network(self.config, self.size).state_dict():
            if name.startswith("layers."):
                _, layer, matrix = name.split(".")
                tensors[name] = weights[f"{matrix}_l{layer}"]
        return RecurrentModel(self.config, {name: tensor.numpy() for name, tensor in tensors.items()}, self.size)


def epochs_of_plain(loop: Plain, held_out: TokenIds) -> Iterator[Reached]:
    """Train without end; after an epoch without a new best the rate falls to a quarter, as in PyTorch's example."""
    steps, seconds, best, epochs = loop.text.shape[1] // loop.how.bptt, 0.0, math.inf, 0
    while True:
        began = time.process_time()
        for _ in range(steps):
            loop.advance()
        seconds, epochs = seconds + time.process_time() - began, epochs + 1
        reached = perplexity(loop.model(), held_out)
        if reached >= best:
            for group in loop.optimiser.param_groups:
                group["lr"] /= 4
        best = min(best, reached)
        yield Reached(epochs, seconds, reached)


def best_of_plain(config: RecurrentConfig, texts: Texts) -> Iterator[Reached]:
    """Yield the epochs of the plain loop up to its best and what shows that it was."""
    how = TrainingConfig(schedule="constant", batch_size=BATCH, bptt=BPTT)
    found = []
    for rate in RATES:
        torch.manual_seed(how.seed)
        loop = Plain(config, replace(how, learning_rate=rate), texts.train, texts.size)
        epochs = epochs_of_plain(loop, texts.held_out)
        found.append((next(epochs), epochs))
        click.echo(f"plain loop, rate {rate:g}, an epoch: perplexity {found[-1][0].perplexity:.1f}")
    best, epochs = min(found, key=lambda each: each[0].perplexity)
    yield best
    for reached in epochs:
        yield reached
        best = min(best, reached, key=lambda each: each.perplexity)
        if reached.epochs - best.epochs == PATIENCE:
            return


def train_ours(config: RecurrentConfig, how: TrainingConfig, texts: Texts) -> Reached:
    """Make one of Nextword's trainings from beginning to end."""
    trainer = Trainer(config, how, texts.train, texts.size)
    began = time.process_time()
    for _ in range(trainer.steps):
        trainer.advance()
    seconds = time.process_time() - began
    return Reached(int(how.epochs), seconds, perplexity(trainer.model(), texts.held_out))


def compare_to_best(config: RecurrentConfig, sampled_words: int, texts: Texts) -> None:
    """Print what the plain loop reaches and when, and when Nextword does."""
    courses = []
    for reached in best_of_plain(config, texts):
        courses.append(reached)
        click.echo(f"plain loop {reached.epochs:3} epochs{reached.seconds:9,.0f} s{reached.perplexity:9.1f}")
    best = min(courses, key=lambda each: each.perplexity)
    for epochs in EPOCHS:
        ours = train_ours(config, TrainingConfig(epochs=epochs, sampled_words=sampled_words), texts)
        click.echo(f"Nextword   {ours.epochs:3} epochs{ours.seconds:9,.0f} s{ours.perplexity:9.1f}")
        if ours.perplexity <= best.perplexity:
            click.echo(f"{best.seconds / ours.seconds:.1f} times the speed to the plain loop's {best.perplexity:.1f}")
            return
    click.echo(f"Nextword did not reach the plain loop's {best.perplexity:.1f}")


def perplexity(model: RecurrentModel, held_out: TokenIds) -> float:
    """Return the perplexity of the held-out text."""
    return math.exp(run_to_completion(held_out_loss(model, held_out)))


@click.command()
@click.argument("train", type=Path)
@click.argument("valid", type=Path)
@click.option("--seconds", default=120.0, show_default=True, help="Of training for each of the two.")
@click.option("--layers", default=2, show_default=True)
@click.option("--size", default=256, show_default=True, help="Of embeddings and hidden vectors.")
@click.option("--sampled-words", default=512, show_default=True)
@click.option("--threads", type=int, default=cpu_quota, show_default="CPU quota")
@click.option("--to-best", is_flag=True, help="Compare the time to the plain loop's best perplexity.")
@click.option("--part", default=1.0, show_default=True, help="Of both texts, from their beginning.")
def main(
    train: Path,
    valid: Path,
    seconds: float,
    layers: int,
    size: int,
    sampled_words: int,
    threads: int,
    to_best: bool,
    part: float,
) -> None:
    """Print tokens a second and validation perplexity of both, and the ratios."""
    set_thread_count(threads)
    vocabulary_size, (tokens, held_out) = encode(train, valid)
    texts = Texts(tokens[: round(part * len(tokens))], held_out[: round(part * len(held_out))], vocabulary_size)
    config = RecurrentConfig(layers=layers, embedding_size=size, hidden_size=size)
    click.echo(f"{layers} layers of {size}, {texts.size:,} words, {len(texts.train):,} tokens, {threads} threads")
    if to_best:
        compare_to_best(config, sampled_words, texts)
    else:
        compare_speeds(config, sampled_words, texts, seconds)


def compare_speeds(config: RecurrentConfig, sampled_words: int, texts: Texts, seconds: float) -> None:
    """Train both for `seconds` in turns; print their speeds and what they reach."""
    how = TrainingConfig(schedule="constant", learning_rate=2e-3, sampled_words=sampled_words)
    plain = Plain(config, how, texts.train, texts.size)
    ours = Trainer(config, how, texts.train, texts.size)
    calls = run_to_completion(run_interleaved([plain.advance, ours.advance], seconds))
    speeds = [count * how.batch_size * how.bptt / seconds for count in calls]
    reached = [perplexity(model, texts.held_out) for model in (plain.model(), ours.model())]
    click.echo(f"{seconds:.0f} s each")
    for name, speed, value in zip(("plain loop", "Nextword"), speeds, reached, strict=True):
        click.echo(f"{name:12}{speed:9,.0f} tokens/s{value:9.1f} validation perplexity")
    click.echo(f"{'ratio':12}{speeds[1] / speeds[0]:9.2f}{reached[1] / reached[0]:18.2f}")


if __name__ == "__main__":
    main()
