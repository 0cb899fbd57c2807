"""Training of a fill-in network on plain text: all tokens of a line are told from the others at once."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.model import Floats, TokenIds
from models.neural.encoder.config import EncoderConfig
from models.neural.encoder.model import RecurrentEncoder
from models.neural.encoder.network import EncoderNetwork
from models.neural.training.initialization import log_unigram_probabilities
from models.neural.training.loss import cross_entropy
from models.neural.training.sampled_softmax import WordSampler, sampled_cross_entropy
from models.special_tokens import EOS
from models.tasks.encoder_model import HEAD_PREFIX, split_tensors
from models.tasks.fill_in.config import FillInConfig
from models.tasks.fill_in.evaluate import measure_fill_in
from models.tasks.fill_in.model import RecurrentFillIn, check_encoder, fill_in_head_shapes
from models.tasks.text import pad
from models.tasks.training.problem import StepContext, TaskNetwork, TaskProblem
from models.utils.progress import Progress, with_progress


@dataclass(frozen=True)
class Lines:
    """Lines of a text as token ids, each with `</s>` at its end, and which tokens are out of vocabulary."""

    ids: Sequence[TokenIds]
    oov: Sequence[NDArray[np.bool_]]


class FillInProblem(TaskProblem[RecurrentFillIn]):
    """Plain text, for `train_task` to train a fill-in network on."""

    def __init__(
        self,
        settings: FillInConfig,
        encoder: EncoderConfig,
        vocabulary_size: int,
        lines: Sequence[TokenIds],
        held_out: Lines | None = None,
    ) -> None:
        """Train on `lines`, each with `</s>` at its end; the accuracy on `held_out` chooses the best weights."""
        check_encoder(encoder)
        self._settings, self._encoder, self._vocabulary_size = settings, encoder, vocabulary_size
        self._lines, self._held_out = lines, held_out
        self.lengths = np.array([len(line) for line in lines], np.int64)
        self._counts = np.bincount(np.concatenate([np.zeros(0, np.int64), *lines]), minlength=vocabulary_size)
        self._sampler: WordSampler | None = None
        head = fill_in_head_shapes(settings, encoder, vocabulary_size)
        self.network = TaskNetwork(EncoderNetwork(encoder, vocabulary_size), head)

    @property
    def identity(self) -> dict[str, Any]:
        """Return settings, and digests of the examples, as `TaskProblem` says."""
        held_out = self._held_out.ids if self._held_out else None
        return {
            "fill_in": asdict(self._settings),
            "encoder": asdict(self._encoder),
            "lines": _fingerprint(self._lines),
            "held out": _fingerprint(held_out),
        }

    def initial_arrays(self) -> dict[str, Floats]:
        """Return weights to begin with: the output bias of a network that knows how often each token occurs."""
        return {f"{HEAD_PREFIX}output_bias": log_unigram_probabilities(self._counts).numpy()}

    def loss(self, rows: NDArray[np.int64], context: StepContext) -> Tensor:
        """Return the mean of -log P(token | all others of its line) in nats over all tokens but `</s>`."""
        framed = [np.concatenate([[EOS], self._lines[row]]) for row in rows]
        tokens, lengths = map(torch.from_numpy, pad(framed))
        vectors = self.network.encoder(tokens, lengths, None, context.hooks)
        inside = torch.arange(1, tokens.shape[1] - 1) < lengths[:, None] - 1
        outputs = self._outputs(vectors[:, :-2][inside], vectors[:, 2:][inside])
        targets, weight = tokens[:, 1:-1][inside], self.network.encoder.embedding
        bias = self.network.head["output_bias"]
        if not self._settings.sampled_words:
            return cross_entropy(outputs, weight, bias, targets)
        return sampled_cross_entropy(outputs, weight, bias, targets, self._sample_words(context).draw())

    def _outputs(self, before: Tensor, after: Tensor) -> Tensor:
        """Return what the embedding multiplies [N, E], of vectors [N, D] before and after each token."""
        size, head = self._encoder.hidden_size, self.network.head
        sides = {"forward": before[:, :size], "backward": after[:, -size:]}
        joined = torch.cat([sides[direction] for direction in self._encoder.directions], 1)
        hidden = torch.addmm(head["hidden_bias"], joined, head["hidden_weight"].T).relu()
        outputs: Tensor = hidden @ head["projection"].T
        return outputs

    def _sample_words(self, context: StepContext) -> WordSampler:
        """Return the sampler of the training, which draws from the training's own random numbers."""
        if self._sampler is None:
            assert context.random is not None
            self._sampler = WordSampler(self._counts, self._settings.sampled_words, context.random)
        return self._sampler

    def model(self, weights: Mapping[str, Floats]) -> RecurrentFillIn:
        """Return the model with these weights, as `TaskProblem` says."""
        tensors, head = split_tensors(weights)
        encoder = RecurrentEncoder(self._encoder, tensors, self._vocabulary_size)
        return RecurrentFillIn(self._settings, encoder, head)

    def measure(self, model: RecurrentFillIn) -> Generator[Progress, None, dict[str, float]]:
        """Return how often the held-out tokens are the most probable ones, and the mean loss of each."""
        if self._held_out is None:
            return {}
        steps = measure_fill_in(model, self._held_out.ids, self._held_out.oov)
        figures = yield from with_progress(steps, "validating")
        return {"validation_accuracy": figures.accuracy, "validation_loss": figures.loss}


def _fingerprint(lines: Sequence[TokenIds] | None) -> str:
    """Return a digest of lines; None is told from no lines."""
    digest = hashlib.sha256()
    if lines is not None:
        digest.update(f"{len(lines)}:".encode())
        for line in lines:
            digest.update(line.tobytes())
    return digest.hexdigest()
