"""Reading a whole text: from both sides or one, and which state of a padded text stands for it.

Both tasks are made from templates. "Teddy": is it a bear or a president? The words that follow decide, so a vector that
has read only what comes before cannot know. "Subject": is the subject of a sentence singular or plural? Its texts have
different lengths; a batch pads them to one, and a network that reads the padding as text overwrites what it has read.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Generator, Sequence
from statistics import fmean
from typing import Any, NamedTuple, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional

from app.experiments.claim import Claim, at_least, summary, within
from app.experiments.finding import Curve, ExperimentInput, Finding
from app.experiments.long_distance import DISTANCES, VOCABULARY, Words, template_context
from models.neural.encoder.config import Direction, EncoderConfig
from models.neural.encoder.network import EncoderNetwork
from models.special_tokens import UNK
from models.utils.progress import Progress

TOYS, PRESIDENTS = ("bear", "bears", "toy"), ("Roosevelt", "president", "statesman")
OPENINGS = ("he said", "they saw", "we bought", "who is", "look at", "once more")
BETWEEN = ("", ", the old", ", that dear", ", our great")
CLOSINGS = ("is here .", "was old .", "has come .", "again .")
TEDDY = "Teddy"
WORDS = list(
    dict.fromkeys([*VOCABULARY, TEDDY, *" ".join((*OPENINGS, *BETWEEN, *CLOSINGS, *TOYS, *PRESIDENTS)).split()])
)
WIDTHS = (32, 64, 128)
"""Tokens to which texts are padded; networks are trained with the first."""
BATCH, TEST_TEXTS, LEARNING_RATE = 32, 512, 5e-3
Pool: TypeAlias = Callable[[EncoderNetwork, "Batch"], Tensor]
"""Vectors [B, D] that an encoder gives for each text of a batch."""


class Batch(NamedTuple):
    """Padded texts with a label each."""

    tokens: Tensor
    """[B, T] int64; padding is `<unk>`."""
    lengths: Tensor
    """[B] int64."""
    places: Tensor
    """[B] int64: where the token stands that is labelled."""
    labels: Tensor
    """[B] int64, 0 or 1."""

    def padded(self, width: int) -> Batch:
        """Return the same texts with more padding."""
        return self._replace(tokens=functional.pad(self.tokens, (0, width - self.tokens.shape[1]), value=UNK))


class Reader(NamedTuple):
    """A way to read: which task, from which side, and what stands for the text."""

    task: str
    read: str
    direction: Direction
    pool: Pool
    tested: Pool | None = None
    """Vectors that are taken instead when it is tested."""


class Labeller(nn.Module):
    """An LSTM encoder, a way to make one vector of a text, and a linear layer over two labels."""

    def __init__(self, reader: Reader, size: int, seed: int) -> None:
        super().__init__()
        torch.manual_seed(seed)
        config = EncoderConfig("lstm", embedding_size=size, hidden_size=size, direction=reader.direction)
        self.encoder, self.pool = EncoderNetwork(config, len(WORDS)), reader.pool
        self.output = nn.Linear(config.vector_size, 2)
        for parameter in self.encoder.parameters():
            nn.init.uniform_(parameter, -0.1, 0.1)

    def forward(self, batch: Batch) -> Tensor:
        """Return unnormalized log-probabilities of labels [B, 2]."""
        logits: Tensor = self.output(self.pool(self.encoder, batch))
        return logits


def at_place(encoder: EncoderNetwork, batch: Batch) -> Tensor:
    """Return the vectors of the labelled tokens."""
    vectors: Tensor = encoder(batch.tokens, batch.lengths)
    return vectors[torch.arange(len(vectors)), batch.places]


def last(encoder: EncoderNetwork, batch: Batch) -> Tensor:
    """Return the vectors after the last token of each text, wherever its padding ends."""
    return encoder.last_vectors(encoder(batch.tokens, batch.lengths), batch.lengths)


def last_of_padding(encoder: EncoderNetwork, batch: Batch) -> Tensor:
    """Return the vectors after the padding, which is read as if it were text."""
    lengths = torch.full_like(batch.lengths, batch.tokens.shape[1])
    return encoder.last_vectors(encoder(batch.tokens, lengths), lengths)


def mean(encoder: EncoderNetwork, batch: Batch) -> Tensor:
    """Return the means of the vectors of each text."""
    mask = (torch.arange(batch.tokens.shape[1]) < batch.lengths[:, None])[..., None]
    vectors: Tensor = encoder(batch.tokens, batch.lengths)
    return (vectors * mask).sum(1) / batch.lengths[:, None]


READERS = (
    Reader("Teddy", "what comes before", "forward", at_place),
    Reader("Teddy", "what follows", "backward", at_place),
    Reader("Teddy", "both sides", "both", at_place),
    Reader("Teddy", "what comes before, to the end", "forward", last),
    Reader("subject", "last state of the padding", "forward", last_of_padding),
    Reader("subject", "last state of the text", "forward", last),
    Reader("subject", "last state of the padding, trained on that of the text", "forward", last, last_of_padding),
    Reader("subject", "mean of the text", "forward", mean),
)


def run(inputs: ExperimentInput) -> Generator[Progress, None, Finding]:
    """Train a network for each way to read, and test it with more and more padding."""
    accuracy: dict[tuple[str, str], list[list[float]]] = {}
    shifts: dict[tuple[str, str], list[float]] = {}
    for reader in READERS:
        key = reader.task, reader.read
        accuracy[key], shifts[key] = [], []
        for seed in inputs.seed_numbers:
            labeller = yield from train_labeller(reader, inputs.size, max(1, inputs.steps // 2), seed)
            labeller.pool = reader.tested or reader.pool
            probabilities = _probabilities(labeller, make_batch(reader.task, TEST_TEXTS, random.Random(-seed)))
            labels = make_batch(reader.task, TEST_TEXTS, random.Random(-seed)).labels
            accuracy[key].append([float((p.argmax(1) == labels).double().mean()) for p in probabilities])
            shifts[key].append(float((probabilities[-1] - probabilities[0]).abs().max()))
    return Finding(
        "whole-text",
        _claims(accuracy, shifts),
        [_row(key, accuracy[key], shifts[key]) for key in accuracy],
        [
            Curve(": ".join(key), WIDTHS, [fmean(column) for column in zip(*rows, strict=True)])
            for key, rows in accuracy.items()
        ],
        ("tokens to which a text is padded", "accuracy"),
    )


def train_labeller(reader: Reader, size: int, steps: int, seed: int) -> Generator[Progress, None, Labeller]:
    """Train a network on texts made for it; every step sees new ones."""
    labeller, numbers = Labeller(reader, size, seed), random.Random(seed)
    optimizer = torch.optim.Adam(labeller.parameters(), LEARNING_RATE)
    for step in range(1, steps + 1):
        batch = make_batch(reader.task, BATCH, numbers)
        loss = functional.cross_entropy(labeller(batch), batch.labels)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(labeller.parameters(), 1.0)
        optimizer.step()
        yield Progress(f"{reader.task}, {reader.read}, seed {seed}", step, steps)
    return labeller


def make_batch(task: str, count: int, numbers: random.Random) -> Batch:
    """Make texts of a task, "Teddy" or "subject", padded to the first of `WIDTHS`."""
    examples = [(_teddy if task == "Teddy" else _subject)(numbers) for _ in range(count)]
    ids = {word: i for i, word in enumerate(WORDS)}
    tokens = [[ids[word] for word in words] + [UNK] * (WIDTHS[0] - len(words)) for words, _, _ in examples]
    columns = [len(words) for words, _, _ in examples], *([example[i] for example in examples] for i in (1, 2))
    return Batch(torch.tensor(tokens), *map(torch.tensor, columns))


def _teddy(numbers: random.Random) -> tuple[Words, int, int]:
    """Return a sentence about Teddy, the place of that word, and whether it is a person."""
    label = numbers.randrange(2)
    opening, between, closing = (numbers.choice(parts).split() for parts in (OPENINGS, BETWEEN, CLOSINGS))
    decider = numbers.choice(PRESIDENTS if label else TOYS)
    return [*opening, TEDDY, *between, decider, *closing], len(opening), label


def _subject(numbers: random.Random) -> tuple[Words, int, int]:
    """Return a sentence up to its verb, the place of its subject, and whether that is plural."""
    label = numbers.randrange(2)
    return template_context(numbers.choice(DISTANCES), numbers)[label], 1, label


@torch.no_grad()
def _probabilities(labeller: Labeller, batch: Batch) -> list[Tensor]:
    """Return the probabilities of labels [B, 2] at each width of padding."""
    return [labeller(batch.padded(width)).softmax(1) for width in WIDTHS]


def _claims(
    accuracy: dict[tuple[str, str], list[list[float]]], shifts: dict[tuple[str, str], list[float]]
) -> list[Claim]:
    """Decide what the accuracies say."""
    before, _, both, end, padding, text, swapped, _ = accuracy.values()
    *_, text_shift, swapped_shift, _ = shifts.values()
    return [
        within(
            "a left-only network cannot tell Teddy the bear from Teddy the president where it reads the name",
            "accuracy less 0.5", [row[0] - 0.5 for row in before], 0.1,
        ),
        at_least(
            "a bidirectional one can",
            "accuracy less that of the left-only one",
            [a[0] - b[0] for a, b in zip(both, before, strict=True)], 0.25,
        ),
        within(
            "at the end of the text the left-only network knows as much",
            "accuracy, bidirectional less left-only at the end", _differences(both, end, 0), 0.02,
        ),
        *(
            at_least(
                f"the last state fails where texts are padded: accuracy at {WIDTHS[-1]} tokens, {how}",
                "accuracy, last state of the text less last state of the padding", _differences(text, others, -1),
            )
            for how, others in (("trained so", padding), ("trained on the state of the text", swapped))
        ),
        at_least(
            "with the state after padding, a text's label depends on the company in its batch",
            f"largest change of a probability from {WIDTHS[0]} to {WIDTHS[-1]} tokens", swapped_shift, 0.01,
        ),
        within(
            "with the state after the text it does not",
            f"largest change of a probability from {WIDTHS[0]} to {WIDTHS[-1]} tokens", text_shift, 1e-5,
        ),
    ]  # fmt: skip


def _differences(rows: Sequence[list[float]], others: Sequence[list[float]], width: int) -> list[float]:
    """Return the differences in accuracy at one width of padding, for each seed."""
    return [a[width] - b[width] for a, b in zip(rows, others, strict=True)]


def _row(key: tuple[str, str], accuracy: list[list[float]], shifts: list[float]) -> dict[str, Any]:
    """Return the figures of one way to read."""
    row: dict[str, Any] = {"task": key[0], "read": key[1]}
    for i, width in enumerate(WIDTHS):
        row |= summary(f"accuracy_{width}", [by_width[i] for by_width in accuracy])
    return row | {"largest_shift": max(shifts)}
