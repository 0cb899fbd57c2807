"""Recurrent models: tokens a second in training and scoring, and latency of a decode step, by family.

Runs on tokens drawn from a Zipf distribution, since speed does not depend on what they mean. The straightforward
training loop of PyTorch (nn.LSTM, whole logits, nn.CrossEntropyLoss) runs beside ours at the same sizes.
"""

from __future__ import annotations

import click
import numpy as np
import torch
from torch import nn

from benchmarks.speed._timing import seconds
from models.data.bptt_batches import TokenIds
from models.neural.config import RecurrentConfig
from models.neural.model import RecurrentModel
from models.neural.training.config import TrainingConfig
from models.neural.training.trainer import Trainer
from models.threads import set_thread_count


def zipf(vocabulary_size: int, count: int) -> TokenIds:
    """Token ids whose frequencies fall as one over their rank."""
    weights = 1 / np.arange(1, vocabulary_size + 1)
    return np.random.default_rng(0).choice(vocabulary_size, size=count, p=weights / weights.sum())


def training_speed(config: RecurrentConfig, recipe: TrainingConfig, tokens: TokenIds, size: int, repeats: int) -> float:
    """Tokens a second of whole training steps."""
    trainer = Trainer(config, recipe, tokens, size)
    return recipe.batch_size * recipe.bptt / seconds(trainer.advance, repeats)


def plain_speed(config: RecurrentConfig, recipe: TrainingConfig, tokens: TokenIds, size: int, repeats: int) -> float:
    """Tokens a second of the loop that PyTorch's word language model example has."""
    embedding, loss = nn.Embedding(size, config.embedding_size), nn.CrossEntropyLoss()
    lstm = nn.LSTM(config.embedding_size, config.hidden_size, config.layers, dropout=recipe.dropout, batch_first=True)
    output = nn.Linear(config.hidden_size, size)
    parameters = [*embedding.parameters(), *lstm.parameters(), *output.parameters()]
    optimiser = torch.optim.AdamW(parameters, recipe.learning_rate)
    window = torch.from_numpy(tokens[: recipe.batch_size * recipe.bptt].astype(np.int64)).view(recipe.batch_size, -1)
    dropout = nn.Dropout(recipe.dropout)

    def step() -> None:
        optimiser.zero_grad()
        hidden, _ = lstm(dropout(embedding(window)))
        loss(output(dropout(hidden)).flatten(0, 1), window.flatten()).backward()
        nn.utils.clip_grad_norm_(parameters, recipe.clip)
        optimiser.step()

    return window.numel() / seconds(step, repeats)


def scoring_speed(model: RecurrentModel, tokens: TokenIds, rows: int, repeats: int) -> float:
    """Tokens a second of `score` over slices as evaluation takes them."""
    width = max(1, model.chunk_tokens // rows)
    part = tokens[: rows * width].astype(np.int64).reshape(rows, width)
    state = model.begin_state(rows)
    return part.size / seconds(lambda: model.score(state, part), repeats)


def decode_latency(model: RecurrentModel, rows: int, repeats: int) -> float:
    """Seconds of one step of `rows` sequences: read a token, give the whole next distribution."""
    state, token = model.begin_state(rows), np.full((rows, 1), 2)
    return seconds(lambda: model.logprobs(model.advance(state, token)), repeats)


@click.command()
@click.option("--vocabulary", default=10_000, show_default=True)
@click.option("--layers", default=2, show_default=True)
@click.option("--embedding", default=256, show_default=True)
@click.option("--hidden", default=256, show_default=True)
@click.option("--batch", default=32, show_default=True)
@click.option("--bptt", default=32, show_default=True)
@click.option("--threads", default=1, show_default=True)
@click.option("--repeats", default=7, show_default=True)
def main(
    vocabulary: int, layers: int, embedding: int, hidden: int, batch: int, bptt: int, threads: int, repeats: int
) -> None:
    """Print one line for each family, and one for the plain loop."""
    set_thread_count(threads)
    tokens = zipf(vocabulary, 200_000)
    recipe = TrainingConfig(batch_size=batch, bptt=bptt)
    click.echo(f"{'':12}{'parameters':>12}{'train':>9}{'score 1':>9}{'score 16':>9}{'step 1':>9}{'step 16':>9}")
    click.echo(f"{'':12}{'':>12}{'tokens/s':>9}{'tokens/s':>9}{'tokens/s':>9}{'ms':>9}{'ms':>9}")
    for kind in ("rnn", "gru", "lstm"):
        config = RecurrentConfig(kind, layers=layers, embedding_size=embedding, hidden_size=hidden)
        model = Trainer(config, recipe, tokens, vocabulary).model()
        speeds = [training_speed(config, recipe, tokens, vocabulary, repeats)]
        speeds += [scoring_speed(model, tokens, rows, repeats) for rows in (1, 16)]
        delays = [1000 * decode_latency(model, rows, 10 * repeats) for rows in (1, 16)]
        figures = "".join(f"{x:9,.0f}" for x in speeds) + "".join(f"{x:9.2f}" for x in delays)
        click.echo(f"{kind:12}{model.parameter_count:12,}{figures}")
    click.echo(f"{'plain lstm':12}{'':12}{plain_speed(config, recipe, tokens, vocabulary, repeats):9,.0f}")


if __name__ == "__main__":
    main()
