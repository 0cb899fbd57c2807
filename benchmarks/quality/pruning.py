"""Pruning: size against perplexity of Kneser-Ney models cut off by count and by relative entropy.

Takes the folder of corpora; learns on the training text of ptb or wikitext-2, measures on its validation text, each
line on its own, empty lines dropped. The size is that of the table as a checkpoint stores it.
"""

from __future__ import annotations

from pathlib import Path

import click

from benchmarks.quality.smoothings import FILES, perplexity, texts
from models.ngram.config import NgramConfig
from models.ngram.counting.extraction import count_ngrams
from models.ngram.model import NgramModel
from models.ngram.smoothing.estimator import estimate_from_counts

CUTOFFS = ((0,), (0, 0, 1), (0, 1), (0, 1, 2), (0, 2))
THRESHOLDS = (1e-9, 3e-9, 1e-8, 3e-8, 1e-7, 3e-7, 1e-6, 3e-6)


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--corpus", "name", type=click.Choice(sorted(FILES)), default="ptb", show_default=True)
@click.option("--order", default=5, show_default=True)
def main(folder: Path, name: str, order: int) -> None:
    """Prune models of the corpora under FOLDER."""
    ids, held_out, size = texts(folder, name)
    counts = count_ngrams(ids, order, size)
    click.echo(f"{name}, order {order}\n{'left out':<34}{'n-grams':>12}{'MB':>8}{'perplexity':>12}")
    by_count = [("counts up to " + ", ".join(map(str, cut)), NgramConfig(order, prune=cut)) for cut in CUTOFFS]
    by_entropy = [(f"entropy below {t:.0e}", NgramConfig(order, prune_entropy=t)) for t in THRESHOLDS]
    both = ("counts up to 0, 0, 1; 1e-07", NgramConfig(order, prune=(0, 0, 1), prune_entropy=1e-7))
    for label, config in [*by_count, *by_entropy, both]:
        model = NgramModel(config, estimate_from_counts(config, counts))
        stored = sum(array.nbytes for array in model.tensors().values())
        ngrams = sum(model.table.order_sizes)
        click.echo(f"{label:<34}{ngrams:>12,}{stored / 1e6:>8.1f}{perplexity(model, held_out):>12.1f}")


if __name__ == "__main__":
    main()
