"""Gates of a trained LSTM at each token of a sentence, as data.

The sentence is the first of the held-out text that is neither short nor long.
"""

from __future__ import annotations

import math
from collections.abc import Generator

import numpy as np
import torch
from numpy.typing import NDArray

from app.experiments.families import TRAINING_CONFIG
from app.experiments.finding import Curve, ExperimentInput, Finding
from app.experiments.training_run import TrainingRun
from models.neural.analysis import gate_activations
from models.neural.config import RecurrentConfig
from models.special_tokens import EOS
from models.utils.progress import Progress

LENGTHS = range(8, 31)
"""Of sentences in tokens, their end included."""


def run(inputs: ExperimentInput) -> Generator[Progress, None, Finding]:
    """Train an LSTM and let it read a sentence."""
    config = RecurrentConfig("lstm", layers=1, embedding_size=inputs.size, hidden_size=inputs.size)
    training = TrainingRun(inputs, config, TRAINING_CONFIG)
    yield from training.run("training", inputs.steps)
    ids = _sentence(inputs)
    activations = [layers[0] for layers in gate_activations(training.trainer.network, torch.from_numpy(ids))]
    tokens = [_printable(inputs.vocabulary[i]) for i in ids.tolist()]
    rows = [{"token": token, **values} for token, values in zip(tokens, activations, strict=True)]
    positions = list(range(len(tokens)))
    curves = [Curve(gate, positions, [step[gate] for step in activations]) for gate in ("input", "forget", "output")]
    cells = [values["cell_norm"] / math.sqrt(inputs.size) for values in activations]
    return Finding(
        "gates",
        (),
        rows,
        [*curves, Curve("cells", positions, cells)],
        ("token", "mean opening, and root mean square of the cells"),
        ticks=tokens,
        note="an LSTM decides at each token how much to take in, to keep and to give out",
    )


def _printable(token: str) -> str:
    """Return a token with blanks and control characters made visible."""
    return token if token.isprintable() and not token.isspace() else repr(token)[1:-1].replace(" ", "\u2423")


def _sentence(inputs: ExperimentInput) -> NDArray[np.int64]:
    """Return the first held-out sentence with a length in `LENGTHS`, or the beginning of the text."""
    ends = np.flatnonzero(inputs.valid == EOS) + 1
    for line in np.split(inputs.valid, ends):
        if len(line) in LENGTHS:
            return line.astype(np.int64)
    return inputs.valid[: LENGTHS.stop].astype(np.int64)
