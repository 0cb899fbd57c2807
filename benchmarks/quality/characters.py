"""Characters: nats a token of Kneser-Ney models, the shipped LSTM and their mixtures.

Takes the folder of corpora (tinyshakespeare). The first nine of ten speeches are the training text, also of the shipped
model, and the rest is scored as one text. A token is a character, or the end of a speech. Seconds are those from the
file to a model that can be asked. The one number of a mixture is fitted to the text that is scored.
"""

from __future__ import annotations

import time
from pathlib import Path

import click
import numpy as np

from models.checkpoint.load import load
from models.checkpoint.repository import resolve
from models.composite.mixture_weights import fit_weights, score_by_member
from models.data.corpus import Corpus
from models.ngram.config import NgramConfig
from models.ngram.counting.extraction import count_ngrams
from models.ngram.model import NgramModel
from models.ngram.smoothing.estimator import estimate_from_counts
from models.utils.progress import run_to_completion


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--orders", default="5,7,10", show_default=True)
@click.option("--checkpoints", type=click.Path(path_type=Path), default=Path("checkpoints"), show_default=True)
def main(folder: Path, orders: str, checkpoints: Path) -> None:
    """Count the characters of tinyshakespeare under FOLDER, and mix with the LSTM among CHECKPOINTS."""
    shipped = load(resolve(checkpoints, "shakespeare-char").path)
    source = Corpus.open(folder / "tinyshakespeare" / "input.txt", config=shipped.tokenizer.config)
    text, held_out = source.split(0.1)
    ids = held_out.encode(shipped.tokenizer).ids
    others = run_to_completion(score_by_member([shipped.model], ids, "document"))
    for order in map(int, orders.split(",")):
        began = time.perf_counter()
        tokenizer, encoded = text.train_tokenizer(shipped.tokenizer.config)
        config = NgramConfig(order)
        model = NgramModel(
            config, estimate_from_counts(config, count_ngrams(encoded.ids, order, tokenizer.vocabulary_size))
        )
        seconds = time.perf_counter() - began
        if tokenizer.vocabulary != shipped.tokenizer.vocabulary:
            raise click.ClickException("the shipped model has learnt other characters: nothing to mix")
        scores = np.concatenate([run_to_completion(score_by_member([model], ids, "document")), others])
        fit = fit_weights(scores)
        mixed = np.log(np.array(fit.weights) @ np.exp(scores.astype(float)))
        nats = [-part.mean() for part in (*scores.astype(float), mixed)]
        click.echo(
            f"order {order}: {nats[0]:.4f} nats a token, LSTM {nats[1]:.4f}, both {nats[2]:.4f} with weights "
            f"{fit.weights[0]:.2f} and {fit.weights[1]:.2f}; {len(encoded.ids):,} learnt in {seconds:.2f} s, "
            f"{scores.shape[1]:,} scored; {sum(model.table.order_sizes):,} n-grams"
        )


if __name__ == "__main__":
    main()
