"""Text of any size, sampled from a published n-gram model, with a vocabulary that grows without end.

A word comes from the trigrams of the model, its back-off weights included. Where the model says `<unk>`, a word is
invented or an invented one said again, by the process of Pitman and Yor (1997): the number of different words follows
Heaps' law, the number of words that occur once, twice, ... a power law. So discounts can be estimated, by `lmplz` as
well, which other generators make impossible. A seed fixes the text. The held-out text is what comes after it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path

import click
import numpy as np

from benchmarks.scale._sampling import Grams, Invented, Spellings, sample, sampled_grams, write_words
from models.checkpoint.load import load
from models.ngram.model import NgramModel
from models.special_tokens import EOS

DEFAULT_MODEL = Path("checkpoints/gutenberg-kn/1")
CHUNK_TOKENS = 1 << 20
_MOST_WORD_BYTES = 24


class TextGenerator:
    """Sampler of text from a published n-gram model, for at most `most_tokens` tokens."""

    def __init__(self, model: Path, most_tokens: int, seed: int = 0) -> None:
        checkpoint = load(model)
        if not isinstance(checkpoint.model, NgramModel):
            raise click.ClickException(f"{model} is not an n-gram model, which this needs")
        words = [word.encode()[: _MOST_WORD_BYTES - 1] for word in checkpoint.tokenizer.vocabulary]
        self._grams: Grams = sampled_grams(checkpoint.model.table)
        self._spellings = Spellings(
            np.frombuffer(bytearray(b"".join(words)), np.uint8),
            np.array(list(accumulate(map(len, words)))),
            np.frombuffer(bytearray(b"bdfgklmnprstvz"), np.uint8),
            np.frombuffer(bytearray(b"aeiou"), np.uint8),
        )
        sizes = np.array([0, 0, seed * 0x9E3779B9 + 1, EOS, EOS], np.int64)
        # Pages of zeros cost no memory until they are written.
        self._invented = Invented(np.zeros(most_tokens, np.int32), np.zeros(most_tokens, np.int32), sizes)

    @property
    def invented_words(self) -> int:
        """Number of different words that were invented so far."""
        return int(self._invented.sizes[1])

    def chunks(self, tokens: int) -> Iterator[bytes]:
        """Yield text of so many tokens, the ends of lines included; the last line may have no end."""
        out = np.empty(CHUNK_TOKENS * _MOST_WORD_BYTES, np.uint8)
        for begin in range(0, tokens, CHUNK_TOKENS):
            ids = np.empty(min(CHUNK_TOKENS, tokens - begin), np.int32)
            sample(self._grams, len(self._spellings.ends), self._invented, ids)
            if begin + len(ids) == tokens:
                ids[-1] = EOS
            yield out[: write_words(ids, self._spellings, out)].tobytes()

    def write(self, path: Path, tokens: int) -> None:
        """Write text of so many tokens, the last of which ends a line."""
        with path.open("wb") as file:
            file.writelines(self.chunks(tokens))


@click.command()
@click.argument("path", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--tokens", default=20_000_000, show_default=True, help="Tokens, ends of lines included.")
@click.option("--held-out", "held_out", default=0, show_default=True, help="Tokens after that, in PATH.heldout.")
@click.option("--model", default=DEFAULT_MODEL, type=click.Path(exists=True, path_type=Path), show_default=True)
@click.option("--seed", default=0, show_default=True)
def main(path: Path, tokens: int, held_out: int, model: Path, seed: int) -> None:
    """Write a text to PATH."""
    generator, began = TextGenerator(model, tokens + held_out, seed), time.perf_counter()
    generator.write(path, tokens)
    seconds = time.perf_counter() - began
    click.echo(
        f"{tokens:,} tokens, {generator.invented_words:,} words invented, {tokens / seconds / 1e6:.1f} M tokens/s"
    )
    if held_out:
        generator.write(path.with_name(path.name + ".heldout"), held_out)


if __name__ == "__main__":
    main()
