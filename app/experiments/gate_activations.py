"""What the gates of a trained LSTM do at each token of a sentence, as data.

It knows which sentence: the first of the held-out text that is neither short nor long. The gates are
`models.neural.analysis`'s.
"""

from __future__ import annotations

import math
from collections.abc import Generator

import numpy as np
import torch

from app.experiments.families import TRAINING_CONFIG
from app.experiments.finding import Curve, ExperimentInput, Finding
from app.experiments.training_run import TrainingRun
from models.neural.analysis import gate_activations
from models.neural.model import RecurrentConfig
from models.special_tokens import EOS
from models.utils.progress import Progress

LENGTHS = range(8, 31)
"""Of sentences in tokens, their end included."""


def run(setting: ExperimentInput) -> Generator[Progress, None, Finding]:
    """Train an LSTM and let it read a sentence."""
    config = RecurrentConfig("lstm", layers=1, embedding_size=setting.size, hidden_size=setting.size)
    course = TrainingRun(setting, config, TRAINING_CONFIG)
    yield from course.run("training", setting.steps)
    ids = _sentence(setting)
    openings = [layers[0] for layers in gate_activations(course.trainer.network, torch.from_numpy(ids))]
    tokens = [_shown(setting.vocabulary[i]) for i in ids.tolist()]
    rows = [{"token": token, **opening} for token, opening in zip(tokens, openings, strict=True)]
    places = list(range(len(tokens)))
    curves = [Curve(name, places, [opening[name] for opening in openings]) for name in ("input", "forget", "output")]
    cells = [opening["cell_norm"] / math.sqrt(setting.size) for opening in openings]
    return Finding(
        "gates",
        "an LSTM decides at each token how much to take in, to keep and to give out",
        None,
        rows,
        [*curves, Curve("cells", places, cells)],
        ("token", "mean opening, and root mean square of the cells"),
        ticks=tokens,
    )


def _shown(token: str) -> str:
    """A token as it can be seen."""
    return token if token.isprintable() and not token.isspace() else repr(token)[1:-1].replace(" ", "\u2423")


def _sentence(setting: ExperimentInput) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    ends = np.flatnonzero(setting.valid == EOS) + 1
    for line in np.split(setting.valid, ends):
        if len(line) in LENGTHS:
            return line.astype(np.int64)
    return setting.valid[: LENGTHS.stop].astype(np.int64)
