"""Sums of all distributions of a model that was written as ARPA text with more or fewer digits.

Takes a text, a sentence a line, tokens separated by blanks. A 5-gram model of it is written with 7 significant digits,
as this program, KenLM and SRILM write, and with 6, 4 and 3 digits after the point, as other programs did; and once
more with a hundredth of the bigrams that no trigram continues taken out and nothing computed anew, as by a filter. For
each file: the sum that lies furthest from one, how many contexts the import would complain of, and CPU seconds.
"""

from __future__ import annotations

import io
import re
import time
from collections.abc import Callable
from pathlib import Path

import click

from models.data.corpus import Corpus
from models.ngram.config import NgramConfig
from models.ngram.formats.arpa import write_arpa
from models.ngram.formats.arpa_parser import parse_arpa
from models.ngram.formats.normalization import check_normalization
from models.ngram.formats.sorted_ngrams import link_sections
from models.ngram.smoothing.estimator import estimate_from_tokens
from models.tokenization.config import TokenizerConfig
from models.tokenization.tokenizer import Tokenizer
from models.utils.progress import run_to_completion

_NUMBERS = re.compile(r"(?m)^-[0-9.e-]+(?=\t)|(?<=\t)-?[0-9.e-]+$")


def rounded(digits: int) -> Callable[[str], str]:
    """Return a function that rounds every number of a file to so many digits after the point."""
    return lambda text: _NUMBERS.sub(lambda number: f"{float(number[0]):.{digits}f}", text)


def filtered(text: str) -> str:
    """Leave out every hundredth of the bigrams that no trigram continues, and correct the head."""
    head, bigrams, rest = re.split(r"\\2-grams:\n|\n\n\\3-grams:", text, maxsplit=2)
    continued = {" ".join(line.split("\t")[1].split(" ")[:2]) for line in rest.splitlines() if line.count("\t")}
    lines = bigrams.splitlines()
    ends = [i for i, line in enumerate(lines) if line.split("\t")[1] not in continued]
    gone = set(ends[::100])
    head = head.replace(f"ngram 2={len(lines)}\n", f"ngram 2={len(lines) - len(gone)}\n")
    kept = "\n".join(line for i, line in enumerate(lines) if i not in gone)
    return f"{head}\\2-grams:\n{kept}\n\n\\3-grams:{rest}"


VARIANTS: dict[str, Callable[[str], str]] = {
    "7 significant digits": lambda text: text,
    "6 digits after the point": rounded(6),
    "4 digits after the point": rounded(4),
    "3 digits after the point": rounded(3),
    "a hundredth of the bigrams left out": filtered,
}


@click.command()
@click.argument("text", type=click.Path(exists=True, path_type=Path))
@click.option("--order", default=5, help="Order of the model.")
def main(text: Path, order: int) -> None:
    """Print a line for each variant of the file."""
    corpus = Corpus.open([text], empty_lines="drop")
    tokenizer = Tokenizer.train(TokenizerConfig(pretokenized=True), corpus.chunks())
    config, ids = NgramConfig(order), corpus.encode(tokenizer).ids
    file = io.StringIO()
    write_arpa(estimate_from_tokens(config, ids, tokenizer.vocabulary_size), tokenizer.vocabulary, file)
    click.echo(f"{'':<36}{'n-grams':>10}{'contexts':>10}{'worst sum':>12}{'complaints':>11}{'read s':>8}{'sums s':>8}")
    for name, change in VARIANTS.items():
        content = io.StringIO(change(file.getvalue()))
        began = time.process_time()
        parsed = run_to_completion(parse_arpa(content))
        orders = link_sections(parsed.sections, len(parsed.vocabulary))
        read = time.process_time()
        report = check_normalization(orders)
        summed = time.process_time()
        ngrams = sum(len(ngrams.token) for ngrams in orders)
        row = f"{name:<36}{ngrams:>10}{report.contexts:>10}{report.worst_sum:>12.7f}{report.unnormalized:>11}"
        click.echo(f"{row}{read - began:>8.1f}{summed - read:>8.2f}")


if __name__ == "__main__":
    main()
