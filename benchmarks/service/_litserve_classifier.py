"""Bidirectional LSTM of torch behind LitServe that classifies texts: the peer of `classify`.

It reads the same checkpoint as our server and computes with torch's own fused layers in float32. LitServe batches
waiting requests; texts of different lengths are packed, so that no padding is read from the right.
"""

import json
import sys
from pathlib import Path
from typing import Any

import litserve
import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

END = 1
"""Id of the token that ends each text."""


class Classifier(litserve.LitAPI):
    """Probabilities of the labels of a text."""

    def __init__(self, checkpoint: str, threads: int, batch: int, timeout: float) -> None:
        super().__init__(max_batch_size=batch, batch_timeout=timeout)
        self._checkpoint, self._threads = Path(checkpoint), threads

    def setup(self, device: str) -> None:
        del device
        torch.set_num_threads(self._threads)
        weights = {name: w.float() for name, w in load_file(self._checkpoint / "weights.safetensors").items()}
        config = json.loads((self._checkpoint / "card.json").read_text())["config"]
        self._ids = json.loads((self._checkpoint / "tokenizer.json").read_text())["model"]["vocab"]
        self._labels, encoder = config["labels"], config["encoder"]
        self._embedding = nn.Embedding.from_pretrained(weights["encoder.embedding"])
        sizes = encoder["embedding_size"], encoder["hidden_size"], encoder["layers"]
        self._layers = nn.LSTM(*sizes, batch_first=True, bidirectional=True)
        self._layers.load_state_dict(_lstm_weights(weights, encoder["layers"]))
        self._layers.eval()
        self._head = weights["head.weight"], weights["head.bias"]

    def decode_request(self, request: dict[str, Any]) -> torch.Tensor:
        return torch.tensor([*(self._ids.get(word, 0) for word in request["text"].split()), END])

    def batch(self, inputs: list[torch.Tensor]) -> list[torch.Tensor]:
        return inputs

    @torch.inference_mode()
    def predict(self, texts: list[torch.Tensor]) -> list[list[float]]:
        lengths = torch.tensor([len(text) for text in texts])
        embedded = self._embedding(pad_sequence(texts, batch_first=True))
        if (lengths == lengths[0]).all():
            vectors = self._layers(embedded)[0]
        else:
            packed = pack_padded_sequence(embedded, lengths, batch_first=True, enforce_sorted=False)
            vectors, _ = pad_packed_sequence(self._layers(packed)[0], batch_first=True, padding_value=-torch.inf)
        return nn.functional.linear(vectors.max(1).values, *self._head).softmax(1).tolist()

    def unbatch(self, output: list[list[float]]) -> list[list[float]]:
        return output

    def encode_response(self, output: list[float]) -> dict[str, Any]:
        return {"probabilities": dict(zip(self._labels, output, strict=True))}


def _lstm_weights(weights: dict[str, torch.Tensor], layers: int) -> dict[str, torch.Tensor]:
    """Return the weights of `nn.LSTM`, named as there."""
    ends = {"forward": "", "backward": "_reverse"}
    return {
        f"{part}_l{i}{end}": weights[f"encoder.{direction}_layers.{i}.{part}"]
        for direction, end in ends.items()
        for i in range(layers)
        for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    }


if __name__ == "__main__":
    checkpoint, threads, batch, timeout, port = sys.argv[1:]
    api = Classifier(checkpoint, int(threads), int(batch), float(timeout))
    server = litserve.LitServer(api, accelerator="cpu", timeout=600)
    server.run(host="127.0.0.1", port=int(port), generate_client_file=False, log_level="warning")
