"""Dropout of features between logistic regression and naive Bayes, on film reviews.

Takes the folder of corpora (sentence-polarity). Dropping features at random makes logistic regression less sure that it
knows which of two words that come together matters; as the rate nears one each word is weighed as if it stood alone,
which is what naive Bayes does (Wager, Fithian, Wang and Liang 2014). Accuracy on a tenth held out, and the cosine of
the weights with those of naive Bayes, by rate and number of training sentences: means over seeds.
"""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from statistics import fmean, stdev

import click
import torch
from torch import Tensor
from torch.nn import functional

WORDS, STEPS, BATCH = 2000, 800, 64
"""Most frequent words that are features; steps of a training, and sentences in each."""
RATES = (0.0, 0.5, 0.8, 0.9, 0.95)
SIZES = (300, 1500, 9000)


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--seeds", default=3, show_default=True)
@click.option("--threads", default=1, show_default=True)
def main(folder: Path, seeds: int, threads: int) -> None:
    """Train on sentence-polarity under FOLDER."""
    torch.set_num_threads(threads)
    sentences = read_sentences(folder / "sentence-polarity")
    click.echo(
        f"{'training sentences':20}" + "".join(f"{f'dropout {rate:g}':>20}" for rate in RATES) + f"{'naive Bayes':>20}"
    )
    for size in SIZES:
        by_seed = [measure(sentences, size, seed) for seed in range(1, seeds + 1)]
        cells = [format_cell(*zip(*column, strict=True)) for column in zip(*by_seed, strict=True)]
        click.echo(f"{size:<20,}" + "".join(f"{cell:>20}" for cell in cells))


def read_sentences(folder: Path) -> list[tuple[list[str], int]]:
    """Return sentences as words with their label, 1 for praise."""
    sentences = []
    for label, name in enumerate(("rt-polarity.neg", "rt-polarity.pos")):
        lines = (folder / name).read_text(encoding="latin-1").splitlines()
        sentences += [(line.split(), label) for line in lines]
    return sentences


def measure(sentences: list[tuple[list[str], int]], size: int, seed: int) -> list[tuple[float, float]]:
    """Return accuracy and cosine with naive Bayes of each rate, and of naive Bayes itself."""
    shuffled = random.Random(seed).sample(sentences, len(sentences))
    held_out, training = shuffled[: len(shuffled) // 10], shuffled[len(shuffled) // 10 :][:size]
    counts = Counter(word for words, _ in training for word in words)
    ids = {word: i for i, (word, _) in enumerate(counts.most_common(WORDS))}
    (x, y), (test_x, test_y) = as_tensors(training, ids), as_tensors(held_out, ids)
    bayes, bayes_bias = naive_bayes(x, y)
    models = [(*logistic_regression(x, y, rate, seed),) for rate in RATES] + [(bayes, bayes_bias)]
    return [
        (
            float(((test_x @ weights + bias > 0) == (test_y > 0)).double().mean()),
            float(functional.cosine_similarity(weights, bayes, dim=0)),
        )
        for weights, bias in models
    ]


def as_tensors(sentences: list[tuple[list[str], int]], ids: dict[str, int]) -> tuple[Tensor, Tensor]:
    """Return which words occur [N, V], and the labels [N]."""
    x = torch.zeros(len(sentences), len(ids))
    for row, (words, _) in enumerate(sentences):
        x[row, [ids[word] for word in words if word in ids]] = 1
    return x, torch.tensor([float(label) for _, label in sentences])


def naive_bayes(x: Tensor, y: Tensor) -> tuple[Tensor, float]:
    """Return log ratios of words [V], with one added to each count, and that of the labels."""
    positive, negative = (part.sum(0) + 1 for part in (x[y > 0], x[y == 0]))
    weights = (positive / positive.sum()).log() - (negative / negative.sum()).log()
    return weights, float((y.sum() / (len(y) - y.sum())).log())


def logistic_regression(x: Tensor, y: Tensor, rate: float, seed: int) -> tuple[Tensor, float]:
    """Minimize the cross-entropy with features dropped at `rate`, the others divided by 1 - rate.

    The weights are means over the second half of the steps, so that the noise of dropout averages out.
    """
    generator = torch.Generator().manual_seed(seed)
    weights, bias = torch.zeros(x.shape[1], requires_grad=True), torch.zeros((), requires_grad=True)
    optimizer = torch.optim.Adam([weights, bias], lr=0.02)
    mean, mean_bias = torch.zeros(x.shape[1]), 0.0
    for step in range(STEPS):
        rows = torch.randint(len(x), (BATCH,), generator=generator)
        mask = torch.empty(BATCH, x.shape[1]).bernoulli_(1 - rate, generator=generator) / (1 - rate)
        loss = functional.binary_cross_entropy_with_logits((x[rows] * mask) @ weights + bias, y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step >= STEPS // 2:
            mean += weights.detach() / (STEPS - STEPS // 2)
            mean_bias += bias.item() / (STEPS - STEPS // 2)
    return mean, mean_bias


def format_cell(accuracy: tuple[float, ...], cosine: tuple[float, ...]) -> str:
    """Format means over seeds: accuracy in percent with its spread, and the cosine."""
    return (
        f"{100 * fmean(accuracy):.1f} ± {100 * (stdev(accuracy) if len(accuracy) > 1 else 0):.1f} ({fmean(cosine):.2f})"
    )


if __name__ == "__main__":
    main()
