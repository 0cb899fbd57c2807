"""Float32 inference of networks by PyTorch, which no other kind of inference imports."""

from __future__ import annotations

import numpy as np
import torch

from models.errors import InvalidInput
from models.model import Floats, Tensors, TokenIds
from models.neural.config import RecurrentConfig
from models.neural.network import Network
from models.threads import thread_count


class FloatBackend:
    """The network of PyTorch behind a float32 `RecurrentModel`; arrays go in and come out."""

    def __init__(self, config: RecurrentConfig, weights: Tensors, vocabulary_size: int) -> None:
        """Compute in float32 with `weights`; those that are float32 are not copied."""
        torch.set_num_threads(thread_count())  # PyTorch may have been imported after it was set
        with torch.device("meta"):  # without memory for other weights
            self.network = Network(config, vocabulary_size)
        arrays = {name: torch.from_numpy(array.astype(np.float32, copy=False)) for name, array in weights.items()}
        self.network.load_state_dict(arrays, assign=True)
        self.network.requires_grad_(False).eval()

    @torch.inference_mode()
    def forward(self, ids: TokenIds, state: tuple[Floats, ...]) -> tuple[Floats, tuple[Floats, ...]]:
        """Read ids [B, T]; return the top layer's outputs [B, T, H] and the next state.

        Raises InvalidInput for a token that is none.
        """
        if ids.size and not 0 <= ids.min() <= ids.max() < len(self.network.embedding):
            raise InvalidInput("tokens", f"ids from 0 to {len(self.network.embedding) - 1} are accepted")
        outputs, after = self.network(torch.from_numpy(ids), tuple(map(torch.from_numpy, state)))
        return outputs.numpy(), tuple(vectors.numpy() for vectors in after)

    @torch.inference_mode()
    def logprobs(self, hidden: Floats) -> Floats:
        """Return log-probabilities [N, V] after hidden vectors [N, H]."""
        return self.network.logprobs(torch.from_numpy(hidden)).numpy()
