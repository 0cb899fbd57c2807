"""Gates of the shipped recurrent models as they read, and what they predict before they have read.

Takes a text. The first table has each gate's mean over units and tokens, and the shares of activations that are open
(above 0.9) and closed (below 0.1); `lasting` is the share of units whose gate is open on average. The second compares
three states to begin with: after the boundary token, zero vectors without a step, and one step on an input of zeros.
"""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np

from models.checkpoint.load import load
from models.checkpoint.repository import resolve
from models.model import Floats, TokenIds
from models.neural.cells import read_tokens
from models.neural.explanation import CLOSED, OPEN
from models.neural.model import RecurrentModel, as_arrays
from models.state import State, select
from models.threads import set_thread_count
from models.tokenization.tokenizer import Tokenizer

SPAN = 20
"""Tokens that are scored after each start."""


def print_gates(name: str, model: RecurrentModel, ids: TokenIds) -> None:
    """Print a line for each gate of each layer, over a text."""
    layers = read_tokens(model.architecture, model.tensors(), as_arrays(model.begin_state(1)), ids)
    for number, layer in enumerate(layers, 1):
        for gate, values in layer.gates.items():
            shares = values.mean(), (values > OPEN).mean(), (values < CLOSED).mean(), (values.mean(0) > OPEN).mean()
            click.echo(f"{name:18}{number:6} {gate:8}" + "".join(f"{share:9.3f}" for share in shares))


def print_tokens(name: str, model: RecurrentModel, tokenizer: Tokenizer, sentence: str) -> None:
    """Print the mean of each gate at each token of a sentence."""
    encoding = tokenizer.encode_with_surfaces(sentence)
    ids = np.asarray(encoding.ids, np.int64)
    layers = read_tokens(model.architecture, model.tensors(), as_arrays(model.begin_state(1)), ids)
    columns = [(f"{number} {gate}", values.mean(1)) for number, layer in enumerate(layers, 1)
               for gate, values in layer.gates.items()]  # fmt: skip
    click.echo(f"{name:18}" + "".join(f"{label:>10}" for label, _ in columns))
    for t, token in enumerate(encoding.surface_forms):
        click.echo(f"{token!r:18}" + "".join(f"{means[t]:10.3f}" for _, means in columns))


def print_starts(name: str, model: RecurrentModel, ids: TokenIds, places: TokenIds) -> None:
    """Print nats of the first token and of the first 20 at random places of a text, for each start."""
    spans = ids[places[:, None] + np.arange(SPAN)]
    starts: dict[str, State] = {
        "boundary": model.begin_state(1),
        "zero vectors": model.null_state(1),
        "zero step": model.initial_state(1, bos=False),
    }
    for start, state in starts.items():
        scores, _ = model.score(select(state, [0] * len(spans)), spans)
        row: Floats = model.logprobs(state)[0].astype(np.float64)
        figures = -scores[:, 0].mean(), -scores.mean(), -(np.exp(row) * row).sum()
        click.echo(f"{name:18}{start:>14}" + "".join(f"{figure:10.3f}" for figure in figures))


@click.command()
@click.argument("text", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--model", "names", multiple=True, default=("gutenberg-lstm", "gutenberg-gru"), show_default=True)
@click.option("--checkpoints", type=click.Path(path_type=Path), default=Path("checkpoints"), show_default=True)
@click.option("--sentence", default="The cats , which already ate , were full .", show_default=True)
@click.option("--tokens", default=4000, show_default=True, help="From the end of the text, for the gates.")
@click.option("--places", default=2000, show_default=True, help="At random, for the starts.")
def main(text: Path, names: tuple[str, ...], checkpoints: Path, sentence: str, tokens: int, places: int) -> None:
    """Print the tables of the models for the last tenth of TEXT."""
    set_thread_count(1)
    models = {name: load(resolve(checkpoints, name).path) for name in names}
    whole = text.read_text(encoding="utf-8")
    held_out = whole[-len(whole) // 10 :]
    encoded = {name: checkpoint.tokenizer.encode(held_out).ids.astype(np.int64) for name, checkpoint in models.items()}
    networks = {name: c.model for name, c in models.items() if isinstance(c.model, RecurrentModel)}
    click.echo(f"{'':18} layer gate    " + "".join(f"{label:>9}" for label in ("mean", "open", "closed", "lasting")))
    for name, model in networks.items():
        print_gates(name, model, encoded[name][-tokens:])
    for name, model in networks.items():
        print_tokens(name, model, models[name].tokenizer, sentence)
    click.echo(f"{'':18}{'start':>14}" + "".join(f"{label:>10}" for label in ("first", "first 20", "entropy")))
    for name, model in networks.items():
        at = np.random.default_rng(1).integers(len(encoded[name]) - SPAN, size=places)
        print_starts(name, model, encoded[name], at)


if __name__ == "__main__":
    main()
