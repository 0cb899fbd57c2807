"""Tokenizer: encoding text in bulk beside Hugging Face `tokenizers`, and training one.

Takes a text file. Both run on one thread on the same tokenizer.json, and their ids must be equal, which is checked.
Times are medians of several, as other work on the machine can only add to them.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import click
import numpy as np
from tokenizers import Tokenizer as HuggingFaceTokenizer

from benchmarks.speed._timing import seconds
from models.data.corpus import Corpus
from models.data.line_reader import EmptyLines
from models.tokenization.config import TokenizerConfig
from models.tokenization.tokenizer import Tokenizer


def say(what: str, value: float, unit: str, decimals: int = 3) -> None:
    """Print one figure."""
    click.echo(f"{what:<48}{value:>14,.{decimals}f} {unit}")


def plain(tokenizer: Tokenizer) -> HuggingFaceTokenizer:
    """Return the same tokenizer as Hugging Face reads it from its file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tokenizer.json"
        tokenizer.save(path)
        return HuggingFaceTokenizer.from_file(str(path))


def facts(corpus: Corpus, tokenizer: Tokenizer) -> int:
    """Print what the text comes to; how many ids that is."""
    encoded = corpus.encode(tokenizer)
    for what, value in {
        "ids": encoded.ids.size,
        "lines": encoded.lines,
        "characters": encoded.characters,
        "out of vocabulary": encoded.oov_count,
        "vocabulary": tokenizer.vocabulary_size,
    }.items():
        say(what, value, "", decimals=0)
    return encoded.ids.size


def compare(tokenizer: Tokenizer, text: str, repeats: int) -> None:
    """Time our encoding in bulk and the library's, both from a text in memory."""
    *whole, rest = text.split("\n")  # not splitlines, which also ends lines where no line ends
    peer, lines = plain(tokenizer), [*(line + "\n" for line in whole), rest]
    expected = [i for encoding in peer.encode_batch_fast(lines) for i in encoding.ids]
    if not np.array_equal(tokenizer.encode(text).ids, expected):
        raise click.ClickException("the ids differ")
    ours = seconds(lambda: tokenizer.encode(text), repeats)
    theirs = seconds(lambda: peer.encode_batch_fast(lines), repeats)
    say("text to ids, bulk", len(expected) / ours / 1e6, "million tokens/s")
    say("text to ids, Hugging Face", len(expected) / theirs / 1e6, "million tokens/s")
    say("ratio", theirs / ours, "", decimals=1)


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--kind", type=click.Choice(["word", "character"]), default="word", show_default=True)
@click.option("--pretokenized", is_flag=True, help="Split at blanks only.")
@click.option("--lowercase", is_flag=True, help="Fold case first.")
@click.option("--empty-lines", type=click.Choice(["keep", "drop"]), default="keep", show_default=True)
@click.option("--repeats", default=5, show_default=True, help="Timings of which the median counts.")
def main(file: Path, kind: str, pretokenized: bool, lowercase: bool, empty_lines: EmptyLines, repeats: int) -> None:
    """Measure on FILE."""
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    config = TokenizerConfig(kind, lowercase, pretokenized)  # type: ignore[arg-type]
    corpus = Corpus.open(file, kind=config.kind, empty_lines=empty_lines)
    tokenizer = Tokenizer.train(config, corpus.chunks())
    size = facts(corpus, tokenizer)
    compare(tokenizer, "".join(corpus.chunks()), repeats)
    trained = seconds(lambda: Tokenizer.train(config, corpus.chunks()), repeats)
    say("training, from the file", trained, "s")
    encoded = seconds(lambda: corpus.encode(tokenizer), repeats)
    say("file to ids", size / encoded / 1e6, "million tokens/s")


if __name__ == "__main__":
    main()
