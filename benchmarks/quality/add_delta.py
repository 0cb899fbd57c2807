"""Additive smoothing: perplexity by what is added to each count, and by order, on held-out text.

Takes the folder of corpora. Learns on the training text of a corpus and measures on its validation text, each line on
its own, empty lines dropped. The default of `NgramConfig.delta` was chosen from these tables.
"""

from __future__ import annotations

from pathlib import Path

import click

from benchmarks.quality.smoothings import FILES, perplexity, texts
from models.ngram.config import NgramConfig
from models.ngram.counting.extraction import count_ngrams
from models.ngram.model import NgramModel
from models.ngram.smoothing.estimator import estimate_from_counts

DELTAS = (1.0, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001, 0.0001)


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--corpus", "names", type=click.Choice(sorted(FILES)), multiple=True, default=sorted(FILES))
@click.option("--max-order", default=5, show_default=True)
def main(folder: Path, names: tuple[str, ...], max_order: int) -> None:
    """Measure on the corpora under FOLDER."""
    for name in names:
        ids, held_out, size = texts(folder, name)
        counts = {order: count_ngrams(ids, order, size) for order in range(1, max_order + 1)}
        click.echo(f"{name:<12}" + "".join(f"{order:>10}" for order in counts))
        for delta in DELTAS:
            configs = {order: NgramConfig(order, "add_delta", delta=delta) for order in counts}
            models = [NgramModel(config, estimate_from_counts(config, counts[n])) for n, config in configs.items()]
            click.echo(f"{delta:<12g}" + "".join(f"{perplexity(model, held_out):>10.1f}" for model in models))


if __name__ == "__main__":
    main()
