"""Float32 inference of encoders by PyTorch, which no other kind of inference imports."""

from __future__ import annotations

import numpy as np
import torch

from models.model import Floats, Lengths, Tensors, TokenIds
from models.neural.encoder.config import EncoderConfig
from models.neural.encoder.network import EncoderNetwork
from models.sequence_encoder import Spelling
from models.threads import thread_count


class FloatEncoderBackend:
    """The network of PyTorch behind a float32 `RecurrentEncoder`; arrays go in and come out."""

    def __init__(self, config: EncoderConfig, weights: Tensors, vocabulary_size: int, alphabet_size: int) -> None:
        """Compute in float32 with `weights`; those that are float32 are not copied."""
        torch.set_num_threads(thread_count())  # PyTorch may have been imported after it was set
        with torch.device("meta"):  # without memory for other weights
            self._network = EncoderNetwork(config, vocabulary_size, alphabet_size)
        arrays = {name: torch.from_numpy(array.astype(np.float32, copy=False)) for name, array in weights.items()}
        self._network.load_state_dict(arrays, assign=True)
        self._network.requires_grad_(False).eval()

    @torch.inference_mode()
    def encode(self, tokens: TokenIds, lengths: Lengths, spelling: Spelling | None) -> Floats:
        """Return the vectors [B, T, D] of tokens [B, T], anything past `lengths`."""
        parts = None
        if spelling is not None:
            rows, characters, sizes = map(torch.from_numpy, (spelling.rows, spelling.characters, spelling.lengths))
            parts = rows, characters, sizes
        vectors: Floats = self._network(torch.from_numpy(tokens), torch.from_numpy(lengths), parts).numpy()
        return vectors
