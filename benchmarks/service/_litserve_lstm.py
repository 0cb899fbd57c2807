"""LSTM of torch behind LitServe, as a PyTorch user would serve one: the peer of `litserve`.

It reads the same checkpoint as our server, takes a prompt of words and returns sampled ones. LitServe batches waiting
requests; a batch is read and continued as one, with torch's own fused layers in float32.
"""

import json
import sys
from pathlib import Path
from typing import Any

import litserve
import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence

MAX_BATCH, TIMEOUT = 64, 0.005


class Generator(litserve.LitAPI):
    """Text after a prompt."""

    def __init__(self, checkpoint: str, threads: int) -> None:
        super().__init__(max_batch_size=MAX_BATCH, batch_timeout=TIMEOUT)
        self._checkpoint, self._threads = Path(checkpoint), threads

    def setup(self, device: str) -> None:
        del device
        torch.set_num_threads(self._threads)
        weights = load_file(self._checkpoint / "weights.safetensors")
        config = json.loads((self._checkpoint / "card.json").read_text())["config"]
        words = json.loads((self._checkpoint / "tokenizer.json").read_text())["model"]["vocab"]
        self._ids, self._words = words, sorted(words, key=words.get)
        self._embedding = nn.Embedding.from_pretrained(weights["embedding"])
        self._layers = nn.LSTM(config["embedding_size"], config["hidden_size"], config["layers"], batch_first=True)
        named = {f"{name}_l{i}": weights[f"layers.{i}.{name}"] for i in range(config["layers"]) for name in _PARTS}
        self._layers.load_state_dict(named)
        self._layers.eval()
        self._output = weights["embedding"], weights["output_bias"]

    def decode_request(self, request: dict[str, Any]) -> dict[str, Any]:
        ids = [self._ids.get(word, 0) for word in request["prompt"].split()]
        return {**request, "ids": torch.tensor(ids)}

    def batch(self, inputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return inputs

    @torch.inference_mode()
    def predict(self, requests: list[dict[str, Any]]) -> list[list[int]]:
        temperature = torch.tensor([[request["temperature"]] for request in requests])
        state = self._read([request["ids"] for request in requests])
        sampled = []
        for _ in range(max(request["max_tokens"] for request in requests)):
            logits = nn.functional.linear(state[0][-1], *self._output)
            logits[:, :2] = -torch.inf  # neither an unknown word nor an end
            sampled.append(torch.multinomial((logits / temperature).softmax(-1), 1))
            _, state = self._layers(self._embedding(sampled[-1]), state)
        rows = torch.cat(sampled, 1).tolist()
        return [row[: request["max_tokens"]] for row, request in zip(rows, requests, strict=True)]

    def unbatch(self, output: list[list[int]]) -> list[list[int]]:
        return output

    def encode_response(self, output: list[int]) -> dict[str, Any]:
        return {"text": " ".join(self._words[token] for token in output), "completion_tokens": len(output)}

    def _read(self, prompts: list[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the vectors after each prompt; packing is slow and only needed where lengths differ."""
        lengths = torch.tensor([len(prompt) for prompt in prompts])
        embedded = self._embedding(pad_sequence(prompts, batch_first=True))
        if (lengths == lengths[0]).all():
            return self._layers(embedded)[1]
        return self._layers(pack_padded_sequence(embedded, lengths, batch_first=True, enforce_sorted=False))[1]


_PARTS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")

if __name__ == "__main__":
    checkpoint, threads, port = sys.argv[1:]
    server = litserve.LitServer(Generator(checkpoint, int(threads)), accelerator="cpu", timeout=600)
    server.run(host="127.0.0.1", port=int(port), generate_client_file=False, log_level="warning")
