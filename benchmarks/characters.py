"""Characters: Kneser-Ney of several orders on tinyshakespeare, nats a character on its last tenth and seconds.

Takes the folder of corpora. The first 90 % of the characters are learnt from, the rest are one text to be scored; its
one end is not counted. Seconds are those from the file to a model that can be asked.
"""

from __future__ import annotations

import time
from pathlib import Path

import click
import numpy as np
import torch

from models.corpus import Corpus
from models.counts import count
from models.ngram import NgramConfig, NgramModel
from models.smoothing import tabulate
from models.tokenizer import TokenizerConfig


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--orders", default="5,7,10", show_default=True)
def main(folder: Path, orders: str) -> None:
    """Count the characters of tinyshakespeare under FOLDER."""
    for order in map(int, orders.split(",")):
        began = time.perf_counter()
        text, held_out = Corpus.open(folder / "tinyshakespeare" / "input.txt", kind="character").split(0.1)
        tokenizer, encoded = text.learn(TokenizerConfig(kind="character"))
        config = NgramConfig(order)
        model = NgramModel(config, tabulate(config, count(encoded.ids, order, tokenizer.size)))
        seconds = time.perf_counter() - began
        scored = held_out.encode(tokenizer)
        # the model reads on where its text ends, so the state is that of its last characters and not of a beginning
        last, rest = (torch.from_numpy(ids[:-1].astype(np.int64))[None] for ids in (encoded.ids, scored.ids))
        scores = model.score(model.advance(model.start(1), last[:, -order:]), rest)[0][0].double()
        click.echo(
            f"order {order}: {-scores.mean():.4f} nats a character, {len(encoded.ids):,} learnt in {seconds:.2f} s, "
            f"{len(scores):,} scored; {sum(model.tables.ngrams):,} n-grams"
        )


if __name__ == "__main__":
    main()
