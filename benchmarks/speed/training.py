"""Training beside the plain PyTorch loop: tokens a second, and the perplexity after equal time.

python -m benchmarks.speed.training TRAIN VALID. Both train a tied LSTM of the same sizes on the same text with the same
optimizer, rate, dropout and clipping, in turns of a few seconds, so that whatever else the machine does slows both
alike. Both models are measured by the same code, on the whole softmax.
"""

from __future__ import annotations

import math
from pathlib import Path

import click
import numpy as np
import torch
from torch import Tensor, nn

from app.core.container_limits import cpu_quota
from app.experiments.training_run import run_interleaved
from models.data.bptt_batches import TokenIds
from models.data.corpus import Corpus
from models.neural.config import RecurrentConfig
from models.neural.model import RecurrentModel
from models.neural.network import Network
from models.neural.training.config import TrainingConfig
from models.neural.training.train import held_out_loss
from models.neural.training.trainer import Trainer
from models.threads import set_thread_count
from models.tokenization.config import TokenizerConfig
from models.tokenization.tokenizer import Tokenizer
from models.utils.progress import run_to_completion


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


@click.command()
@click.argument("train", type=Path)
@click.argument("valid", type=Path)
@click.option("--seconds", default=120.0, show_default=True, help="Of training for each of the two.")
@click.option("--layers", default=2, show_default=True)
@click.option("--size", default=256, show_default=True, help="Of embeddings and hidden vectors.")
@click.option("--sampled-words", default=512, show_default=True)
@click.option("--threads", type=int, default=cpu_quota, show_default="CPU quota")
def main(train: Path, valid: Path, seconds: float, layers: int, size: int, sampled_words: int, threads: int) -> None:
    """Print tokens a second and validation perplexity of both, and the ratios."""
    set_thread_count(threads)
    tokenizer = Tokenizer.train(TokenizerConfig(pretokenized=True), Corpus.open(train).chunks())
    tokens, held_out = (Corpus.open(path).encode(tokenizer).ids for path in (train, valid))
    config = RecurrentConfig(layers=layers, embedding_size=size, hidden_size=size)
    how = TrainingConfig(schedule="constant", learning_rate=2e-3, sampled_words=sampled_words)
    plain, ours = (
        Plain(config, how, tokens, tokenizer.vocabulary_size),
        Trainer(config, how, tokens, tokenizer.vocabulary_size),
    )
    calls = run_to_completion(run_interleaved([plain.advance, ours.advance], seconds))
    speeds = [count * how.batch_size * how.bptt / seconds for count in calls]
    reached = [math.exp(run_to_completion(held_out_loss(model, held_out))) for model in (plain.model(), ours.model())]
    click.echo(
        f"{layers} layers of {size}, {tokenizer.vocabulary_size:,} words, {seconds:.0f} s each, {threads} threads"
    )
    for name, speed, perplexity in zip(("plain loop", "Nextword"), speeds, reached, strict=True):
        click.echo(f"{name:12}{speed:9,.0f} tokens/s{perplexity:9.1f} validation perplexity")
    click.echo(f"{'ratio':12}{speeds[1] / speeds[0]:9.2f}{reached[1] / reached[0]:18.2f}")


if __name__ == "__main__":
    main()
