"""Generation: seconds of a decode step, by family, batch size, sampling and steering.

Runs on models of tokens drawn from a Zipf distribution, since speed does not depend on what they mean.
"""

from __future__ import annotations

from typing import Any

import click
import numpy as np

from benchmarks.speed._timing import seconds
from models.data.bptt_batches import TokenIds
from models.inference.config import SamplingParams
from models.inference.generation import Batch
from models.inference.sampling import random_generator, sample_token
from models.inference.sequence import GenerationSequence
from models.language_model import LanguageModel
from models.neural.config import RecurrentConfig
from models.neural.int8.model import Int8Model
from models.neural.model import RecurrentModel
from models.neural.training.config import TrainingConfig
from models.neural.training.trainer import Trainer
from models.ngram.config import NgramConfig
from models.ngram.model import NgramModel
from models.ngram.smoothing.estimator import estimate_from_tokens
from models.special_tokens import EOS
from models.threads import set_thread_count
from models.tokenization.detokenizer import Detokenizer

BATCHES = (1, 4, 16, 64)
STEERED_ROWS = 16
"""Rows of the batch that is steered."""
CHOICES = {
    "greedy": SamplingParams(temperature=0),
    "temperature": SamplingParams(temperature=0.8, seed=1),
    "top_k 40": SamplingParams(top_k=40, seed=1),
    "top_p 0.95": SamplingParams(top_p=0.95, seed=1),
    "min_p 0.05": SamplingParams(min_p=0.05, seed=1),
}
STEERED: dict[str, dict[str, Any]] = {
    "plain": {},
    "top_k 40": {"top_k": 40},
    "logit bias": {"logit_bias": ((5, 1.0), (6, -100.0))},
    "penalties": {"repetition_penalty": 1.2, "presence_penalty": 0.5, "frequency_penalty": 0.1},
    "5 alternatives": {"top_logprobs": 5},
    "and their odds": {"top_logprobs": 5, "sampling_probabilities": True},
}
"""Parameters of every row of a batch, beside those of plain sampling."""


def zipf_lines(vocabulary_size: int, count: int) -> TokenIds:
    """Token ids whose frequencies fall as one over their rank, `</s>` being the second most frequent."""
    weights = 1 / np.arange(1, vocabulary_size + 1)
    ids = np.random.default_rng(0).choice(vocabulary_size, size=count, p=weights / weights.sum())
    ids[-1] = EOS
    return ids


def models(vocabulary_size: int, hidden: int) -> dict[str, LanguageModel]:
    """Return a model of each family."""
    ids = zipf_lines(vocabulary_size, 300_000)
    config = NgramConfig(order=5)
    family: dict[str, LanguageModel] = {"ngram": NgramModel(config, estimate_from_tokens(config, ids, vocabulary_size))}
    for kind in ("rnn", "gru", "lstm"):
        recurrent = RecurrentConfig(kind, layers=2, embedding_size=hidden, hidden_size=hidden)
        family[kind] = Trainer(recurrent, TrainingConfig(), ids, vocabulary_size).model()
    return family


def step_time(model: LanguageModel, rows: int, repeats: int, **steering: Any) -> float:
    """Seconds of one step of a batch of `rows` sequences, sampled plainly or as `steering` says."""
    vocabulary = [f"w{i}" for i in range(model.vocabulary_size)]
    batch = Batch(model)
    params = SamplingParams(seed=1, max_tokens=1 << 30, ignore_end=True, **steering)
    batch.admit([GenerationSequence([2, 3], params, Detokenizer(vocabulary), index) for index in range(rows)])
    return seconds(batch.step, repeats)


def choice_time(model: LanguageModel, params: SamplingParams, repeats: int) -> float:
    """Seconds of choosing one token."""
    row = model.logprobs(model.begin_state(1))[0]
    numbers = random_generator(1)
    return seconds(lambda: sample_token(row, params, numbers), repeats)


@click.command()
@click.option("--vocabulary", default=10_000, show_default=True)
@click.option("--hidden", default=256, show_default=True)
@click.option("--threads", default=1, show_default=True)
@click.option("--repeats", default=50, show_default=True)
def main(vocabulary: int, hidden: int, threads: int, repeats: int) -> None:
    """Print one line for each family, and one for each way to choose."""
    set_thread_count(threads)
    family = models(vocabulary, hidden)
    click.echo("".join(f"{title:>16}" for title in ("batch of", *map(str, BATCHES))))
    for name, model in family.items():
        times = [step_time(model, rows, repeats) for rows in BATCHES]
        cells = [f"{1e3 * t:.2f} ms {rows / t:,.0f}/s" for rows, t in zip(BATCHES, times, strict=True)]
        click.echo("".join(f"{cell:>16}" for cell in (name, *cells)))
    click.echo("\nchoosing one token of an n-gram row")
    for name, params in CHOICES.items():
        click.echo(f"{name:>16}{1e6 * choice_time(family['ngram'], params, repeats):13.0f} us")
    lstm = family["lstm"]
    assert isinstance(lstm, RecurrentModel)
    int8 = Int8Model(lstm.architecture, lstm.tensors(), vocabulary)
    click.echo(f"\na step of {STEERED_ROWS} rows: n-gram, LSTM in int8")
    for name, steering in STEERED.items():
        times = [step_time(model, STEERED_ROWS, repeats, **steering) for model in (family["ngram"], int8)]
        click.echo(f"{name:>16}" + "".join(f"{1e3 * t:10.2f} ms" for t in times))


if __name__ == "__main__":
    main()
