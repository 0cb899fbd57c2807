"""Tokenizer: encoding text in bulk beside Hugging Face `tokenizers`, and training one.

Takes a text file. Both run on one thread on the same tokenizer.json, and their ids must be equal, which is checked.
Times are CPU times of that thread, medians of several. `--scripts` also encodes text of other
kinds: the file as a phone would write it, with words of other scripts in every tenth line, Japanese, and Persian.
"""

from __future__ import annotations

import os
import random
import tempfile
import time
from collections.abc import Iterator
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
    ours = seconds(lambda: tokenizer.encode(text), repeats, time.thread_time)
    theirs = seconds(lambda: peer.encode_batch_fast(lines), repeats, time.thread_time)
    say("text to ids, bulk", len(expected) / ours / 1e6, "million tokens/s")
    say("text to ids, Hugging Face", len(expected) / theirs / 1e6, "million tokens/s")
    say("ratio", theirs / ours, "", decimals=1)


def scripts(text: str) -> Iterator[tuple[str, str]]:
    """Yield the names of other kinds of text and one of each, about a fifth as long as `text`."""
    part = text[: len(text) // 5]
    yield "typographic", part.replace(" ''", "\u201d").replace("`` ", "\u201c").replace("'", "\u2019")
    foreign = " na\u00efve caf\u00e9 \u4eca\u65e5\u306f \u043c\u0438\u0440 \U0001f642"
    yield "mixed", "\n".join(line + foreign * (i % 10 == 0) for i, line in enumerate(part.split("\n")))
    draw = random.Random(1)
    kanji, kana = (
        [chr(code) for code in range(0x4E00, 0x9000, 5)],
        "\u306f\u3092\u306b\u304c\u306e\u3067\u3059\u307e\u3057\u305f",
    )
    words = (
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        "\u06a9\u062a\u0627\u0628",
        "\u0628\u0647",
        "\u062f\u0627\u0646\u0634\u06af\u0627\u0647",
    )
    lines = range(len(part) // 40)
    yield "japanese", "\n".join("".join(draw.choices(kanji, k=12) + draw.choices(kana, k=7)) + "\u3002" for _ in lines)
    yield "persian", "\n".join(" ".join(draw.choices(words, k=8)) + "." for _ in lines)


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--kind", type=click.Choice(["word", "character"]), default="word", show_default=True)
@click.option("--pretokenized", is_flag=True, help="Split at blanks only.")
@click.option("--lowercase", is_flag=True, help="Fold case first.")
@click.option("--empty-lines", type=click.Choice(["keep", "drop"]), default="keep", show_default=True)
@click.option("--scripts", "other_scripts", is_flag=True, help="Encode text of other kinds as well.")
@click.option("--repeats", default=5, show_default=True, help="Timings of which the median counts.")
def main(
    file: Path,
    kind: str,
    pretokenized: bool,
    lowercase: bool,
    empty_lines: EmptyLines,
    other_scripts: bool,
    repeats: int,
) -> None:
    """Measure on FILE."""
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    config = TokenizerConfig(kind, lowercase, pretokenized)  # type: ignore[arg-type]
    corpus = Corpus.open(file, kind=config.kind, empty_lines=empty_lines)
    tokenizer = Tokenizer.train(config, corpus.chunks())
    size = facts(corpus, tokenizer)
    text = "".join(corpus.chunks())
    compare(tokenizer, text, repeats)
    for name, other in scripts(text) if other_scripts else ():
        click.echo(f"\n{name}")
        compare(Tokenizer.train(config, [other + "\n"]), other, repeats)
    trained = seconds(lambda: Tokenizer.train(config, corpus.chunks()), repeats)
    say("training, from the file", trained, "s")
    encoded = seconds(lambda: corpus.encode(tokenizer), repeats)
    say("file to ids", size / encoded / 1e6, "million tokens/s")


if __name__ == "__main__":
    main()
