"""Dropout as an ensemble: averaged thinned networks against one network with all units.

Dropout trains 2^H networks that share weights; at test time one network with all units, its numbers scaled, stands for
their average (Srivastava et al. 2014). For a softmax over dropped inputs that is exactly the normalized geometric mean
(Baldi and Sadowski 2013); for anything deeper it is an approximation. The same networks show co-adaptation, and how far
dropout is an L2 penalty that each feature has a strength of its own in (Wager, Wang and Liang 2013).
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterable
from dataclasses import replace
from typing import Any, TypeAlias

import torch
from torch import Tensor

from app.experiments.claim import Claim, at_least, summary, within
from app.experiments.finding import Curve, ExperimentInput, Finding
from app.experiments.training_run import TrainingRun, mean_loss, next_logprobs, text_rows
from models.neural.config import RecurrentConfig
from models.neural.dropout import Dropout, DropoutHooks
from models.neural.network import Network
from models.neural.training.config import TrainingConfig
from models.utils.progress import Progress

RATE, REMOVED = 0.5, 0.2
"""Share of units dropped in training, and removed afterwards from a trained network."""
MASKS = (1, 2, 5, 10, 20, 50)
"""Numbers of thinned networks that are averaged."""
SAME = 0.01
"""Nats a token that count as nothing: 1 % of the perplexity."""
PASSES, ROWS, ROW_TOKENS, MAX_LOGITS = 10, 32, 60, 4_000_000
"""Readings of the training text; rows of held-out text and their tokens; numbers in a table of log-probabilities."""
PLAIN = TrainingConfig(schedule="constant", learning_rate=4e-3, dropout=0.0, weight_decay=0.0)
Figures: TypeAlias = dict[str, float]


def run(inputs: ExperimentInput) -> Generator[Progress, None, Finding]:
    """Train an LSTM with and without dropout on a small part of the text, and take both apart."""
    small = replace(inputs, train=inputs.train[: max(1, inputs.steps * PLAIN.batch_size * PLAIN.bptt // PASSES)])
    figures: dict[float, list[Figures]] = {0.0: [], RATE: []}
    for rate, by_seed in figures.items():
        for seed in inputs.seed_numbers:
            config = RecurrentConfig("lstm", layers=1, embedding_size=inputs.size, hidden_size=inputs.size)
            training = TrainingRun(small, config, replace(PLAIN, dropout=rate, seed=seed))
            yield from training.run(f"dropout {rate:g}, seed {seed}", inputs.steps)
            by_seed.append(_measure(training.trainer.network, inputs, seed))
    dropped = figures[RATE]
    curves = {kind: [_mean(dropped, f"{kind}_{count}") for count in MASKS] for kind in ("arithmetic", "geometric")}
    return Finding(
        "dropout-ensemble",
        _claims(figures),
        [_row(rate, by_seed) for rate, by_seed in figures.items()],
        [
            *(Curve(f"{kind} mean of thinned networks", MASKS, values) for kind, values in curves.items()),
            Curve("all units, scaled", MASKS, [_mean(dropped, "scaled")] * len(MASKS)),
        ],
        ("thinned networks", f"nats a token of held-out text, dropout {RATE:g}"),
    )


def ensemble_losses(parts: Iterable[Tensor], rows: Tensor) -> Generator[tuple[float, float], None, None]:
    """Yield losses in nats of arithmetic and geometric means of the first 1, 2, ... networks.

    `parts` are the log-probabilities [N, V] of each network; `rows` [B, T] the text.
    """
    logsum, total = torch.tensor(-math.inf), torch.zeros(())
    for count, logprobs in enumerate(parts, 1):
        logsum, total = torch.logaddexp(logsum, logprobs), total + logprobs
        yield mean_loss(logsum - math.log(count), rows), mean_loss((total / count).log_softmax(1), rows)


def dropout_penalty(logits: Tensor, weight: Tensor, hidden: Tensor, rate: float) -> Tensor:
    """Return the quadratic approximation of dropout's penalty for each unit [H], in nats a token.

    rate / (1 - rate) / 2 * mean over tokens of h_j^2 Var_p(w_j) (Wager et al. 2013, eq. 10, for a softmax): L2 on the
    weights w_j of a unit, weaker where the unit is rarely active or the prediction p is sure. `logits` [N, V],
    `weight` [V, H], `hidden` [N, H].
    """
    p = logits.softmax(1)
    variance = p @ weight.square() - (p @ weight).square()
    return rate / (1 - rate) / 2 * (hidden.square() * variance).mean(0)


def unit_correlation(outputs: Tensor) -> float:
    """Return the mean absolute correlation of two different units, for outputs [N, H]."""
    size = outputs.shape[1]
    correlations = torch.corrcoef(outputs.T).nan_to_num().reshape(size, size).abs()
    return float((correlations.sum() - correlations.diagonal().sum()) / max(1, size * (size - 1)))


@torch.no_grad()
def _measure(network: Network, inputs: ExperimentInput, seed: int) -> Figures:
    """Return the losses of averages, of removals and of dropout in the output layer, in nats a token."""
    count = max(1, min(ROWS, MAX_LOGITS // (ROW_TOKENS * len(inputs.vocabulary))))
    rows, generator = text_rows(inputs.valid, count, ROW_TOKENS), torch.Generator().manual_seed(seed)
    dropped, removed = Dropout(RATE, True, generator), Dropout(REMOVED, True, generator)
    hooks = DropoutHooks(embeddings=lambda x, _: dropped(x), outputs=dropped)
    scaled = mean_loss(next_logprobs(network, rows), rows)
    thinned = (next_logprobs(network, rows, hooks) for _ in range(MASKS[-1]))
    losses = list(ensemble_losses(thinned, rows))
    outputs, _ = network(rows[:, :-1], network.zero_state(len(rows)))
    without = [mean_loss(next_logprobs(network, rows, DropoutHooks(outputs=removed)), rows) for _ in range(MASKS[-1])]
    return {
        "scaled": scaled,
        **{f"arithmetic_{masks}": losses[masks - 1][0] for masks in MASKS},
        **{f"geometric_{masks}": losses[masks - 1][1] for masks in MASKS},
        "removal": sum(without) / len(without) - scaled,
        "correlation": unit_correlation(outputs.flatten(0, 1)),
        **_penalties(network, outputs.flatten(0, 1), generator),
    }


def _penalties(network: Network, hidden: Tensor, generator: torch.Generator) -> Figures:
    """Return dropout's penalty in the output layer: sampled, approximated, and its unevenness."""
    logits, weight = network.logits(hidden), network.output_matrix
    noise = [network.logits(Dropout(RATE, False, generator)(hidden[None])[0]).logsumexp(1) for _ in range(MASKS[-1])]
    penalties = dropout_penalty(logits, weight, hidden, RATE)
    low, high = penalties.quantile(torch.tensor([0.1, 0.9])).tolist()
    exact = torch.stack(noise).mean(0) - logits.logsumexp(1)
    return {"penalty": float(exact.mean()), "quadratic_penalty": float(penalties.sum()), "unevenness": high / low}


def _claims(figures: dict[float, list[Figures]]) -> list[Claim]:
    """Decide what the losses say of a network trained with dropout, and beside one trained without."""
    plain, dropped = figures[0.0], figures[RATE]
    last = MASKS[-1]
    return [
        within(
            "one network with all units, scaled, predicts as well as the average of the thinned ones, to 1 %",
            f"nats a token, scaled less the geometric mean of {last}",
            [row["scaled"] - row[f"geometric_{last}"] for row in dropped], SAME,
        ),
        within(
            "it makes no difference whether the average is arithmetic or geometric, to 1 %",
            f"nats a token, arithmetic less geometric mean of {last}",
            [row[f"arithmetic_{last}"] - row[f"geometric_{last}"] for row in dropped], SAME,
        ),
        at_least(
            "the ensemble predicts better than a single thinned network",
            f"nats a token, one thinned network less the geometric mean of {last}",
            [row["geometric_1"] - row[f"geometric_{last}"] for row in dropped],
        ),
        at_least(
            "dropout keeps units from relying on each other: removing some costs less",
            f"nats a token that removing {REMOVED:.0%} of the units costs, without dropout less with it",
            [a["removal"] - b["removal"] for a, b in zip(plain, dropped, strict=True)],
        ),
        at_least(
            "dropout makes units less correlated",
            "mean absolute correlation of two units, without dropout less with it",
            [a["correlation"] - b["correlation"] for a, b in zip(plain, dropped, strict=True)],
        ),
        at_least(
            "dropout is an L2 penalty with a strength for each feature",
            "penalty of the units at the 9th decile over that at the 1st",
            [row["unevenness"] for row in dropped], 2.0,
        ),
    ]  # fmt: skip


def _mean(by_seed: list[Figures], name: str) -> float:
    return sum(figures[name] for figures in by_seed) / len(by_seed)


def _row(rate: float, by_seed: list[Figures]) -> dict[str, Any]:
    """Return the figures of networks trained with one rate, in nats a token."""
    row: dict[str, Any] = {"dropout": rate}
    for name in ("scaled", *(f"{kind}_{n}" for kind in ("arithmetic", "geometric") for n in (1, MASKS[-1])),
                 "removal", "correlation", "penalty", "quadratic_penalty", "unevenness"):  # fmt: skip
        row |= summary(name, [figures[name] for figures in by_seed])
    return row
