"""Size of an n-gram model by its order and by how much text it was made of.

Takes the folder of corpora. Makes modified Kneser-Ney models of the first share of a training text and prints, by
order, how many n-grams they hold, the bytes of their tables as a checkpoint stores them, and their perplexity on the
validation text, each line on its own, empty lines dropped. The vocabulary is that of the whole training text.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import click
import numpy as np

from benchmarks.quality.smoothings import FILES, Ids, model_of, perplexity, texts
from models.ngram.config import NgramConfig
from models.special_tokens import EOS

SHARES = (0.1, 0.25, 0.5, 1.0)


class Size(NamedTuple):
    """Size of one model, and how well it predicts."""

    ngrams: int
    bytes: int
    perplexity: float


FORMATS: dict[str, Callable[[Size], str]] = {
    "n-grams": lambda size: f"{size.ngrams:,}",
    "MB": lambda size: f"{size.bytes / 1e6:.2f}",
    "perplexity": lambda size: f"{size.perplexity:.1f}",
}


def first_lines(ids: Ids, share: float) -> Ids:
    """Return the whole lines among the first share of a text."""
    ends = np.flatnonzero(ids == EOS)
    return ids[: ends[max(0, int(share * len(ends)) - 1)] + 1]


def measure(ids: Ids, held_out: Ids, size: int, order: int) -> Size:
    """Make a model and measure it."""
    model = model_of(NgramConfig(order), ids, size)
    sizes, tables = model.table.order_sizes, model.tensors().values()
    return Size(sum(sizes), sum(table.nbytes for table in tables), perplexity(model, held_out))


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--corpus", "name", type=click.Choice(sorted(FILES)), default="ptb", show_default=True)
@click.option("--max-order", default=6, show_default=True)
def main(folder: Path, name: str, max_order: int) -> None:
    """Measure models of the corpora under FOLDER."""
    ids, held_out, size = texts(folder, name)
    orders = range(1, max_order + 1)
    parts = [first_lines(ids, share) for share in SHARES]
    rows = {len(part): [measure(part, held_out, size, order) for order in orders] for part in parts}
    for unit, shown in FORMATS.items():
        click.echo(f"{name}: {unit}, by order" + "".join(f"{order:>13}" for order in orders))
        for tokens, sizes in rows.items():
            click.echo(f"{tokens:>12,} tokens    " + "".join(f"{shown(model):>13}" for model in sizes))


if __name__ == "__main__":
    main()
