"""Storage: size against perplexity of a Kneser-Ney model as it is and in 16, 12, 8, 6 and 4 bits.

Takes the folder of corpora; learns on the training text of ptb or wikitext-2, measures on its validation text, each
line on its own, empty lines dropped. The size is that of the table as a checkpoint stores it. KenLM's trie has 23.5 MB
for the same n-grams of ptb and 60 MB for those of wikitext-2.
"""

from __future__ import annotations

from pathlib import Path

import click

from benchmarks.quality.smoothings import FILES, perplexity, texts
from models.errors import InvalidInput
from models.ngram.config import NgramConfig
from models.ngram.model import NgramModel
from models.ngram.quantization import quantize
from models.ngram.smoothing.estimator import estimate_from_tokens


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--corpus", "name", type=click.Choice(sorted(FILES)), default="ptb", show_default=True)
@click.option("--order", default=5, show_default=True)
def main(folder: Path, name: str, order: int) -> None:
    """Round models of the corpora under FOLDER."""
    ids, held_out, size = texts(folder, name)
    config = NgramConfig(order)
    tables = estimate_from_tokens(config, ids, size)
    exact = perplexity(NgramModel(config, tables), held_out)
    click.echo(f"{name}, order {order}\nbits{'MB':>10}{'perplexity':>12}{'more':>9}{'sums within':>13}")
    for bits in (32, 16, 12, 8, 6, 4):
        try:
            stored = tables if bits == 32 else quantize(tables, bits)
        except InvalidInput as error:
            click.echo(f"{bits:>4}  {error}")
            continue
        megabytes = sum(array.nbytes for array in stored.arrays().values()) / 1e6
        rounded = perplexity(NgramModel(config, stored), held_out)
        within = stored.details.get("quantised", {}).get("sums_within", 0.0)
        click.echo(f"{bits:>4}{megabytes:>10.2f}{rounded:>12.2f}{rounded / exact - 1:>9.2%}{within:>13.1e}")


if __name__ == "__main__":
    main()
