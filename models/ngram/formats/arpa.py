"""Reading and writing of back-off tables as ARPA text, the format of KenLM, SRILM and others.

ARPA has base-10 logarithms, -99 for a probability of zero, `<s>` where the boundary is a context and `</s>` where it
is predicted. The syntax of a file is parsed by `arpa_parser`, its n-grams are linked by `sorted_ngrams`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Generator, Iterator, Sequence
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from models.errors import InvalidInput
from models.ngram.backoff_table import BackoffTable
from models.ngram.formats.arpa_lines import BOS_TOKEN, LOG10_ZERO, SEPARATORS
from models.ngram.formats.arpa_parser import parse_arpa
from models.ngram.formats.normalization import check_normalization, report_details
from models.ngram.formats.sorted_ngrams import link_sections, unpack_orders
from models.ngram.trie import Trie, split_ngrams
from models.ngram.trie_builder import UnpackedOrder, pack, unpack
from models.special_tokens import EOS
from models.utils.progress import run_to_completion

ROWS_PER_SLICE = 1 << 11
"""N-grams that are text at a time, some milliseconds, in which a server that exports holds the GIL: beside an export of
`gutenberg-kn` one request for next words takes 4 ms in the median, with 16,384 n-grams at a time 15 ms."""
_UNWRITABLE = re.compile(f"[{SEPARATORS}\r\n]")
"""What no word of an ARPA file can hold."""


def check_writable(vocabulary: Sequence[str]) -> None:
    """Raise InvalidInput for a token that ARPA cannot write: it is empty, `<s>`, or holds a separator."""
    for token in vocabulary:
        if not token or token == BOS_TOKEN or _UNWRITABLE.search(token):
            message = "a token is no empty text, has no blank, tab or newline, and is not <s>"
            raise InvalidInput("vocabulary", f"{token!r} cannot be written in ARPA: {message}")


def write_arpa(table: BackoffTable, vocabulary: Sequence[str], file: TextIO) -> None:
    """Write `table` with the words of `vocabulary` (id to token). Raises as `check_writable` does."""
    check_writable(vocabulary)
    for text in format_arpa(table, vocabulary):
        file.write(text)


def format_arpa(table: BackoffTable, vocabulary: Sequence[str]) -> Iterator[str]:
    """Yield the text of a file, thousands of lines at a time; `check_writable` accepts the vocabulary."""
    sizes = [size for size in table.order_sizes if size]
    counts = (f"ngram {n}={size + (n == 1)}\n" for n, size in enumerate(sizes, start=1))
    yield "".join(["\\data\\\n", *counts])
    for n, size in enumerate(sizes, start=1):
        yield f"\n\\{n}-grams:\n"
        for begin in range(0, size, ROWS_PER_SLICE):
            places = np.arange(begin, min(begin + ROWS_PER_SLICE, size))
            order = unpack(table.trie, n, begin, begin + len(places))
            ngrams = _ngram_texts(table.trie, n, places, vocabulary)
            yield "".join(_format_lines(order, ngrams, with_boundary=n == 1 and not begin))
    yield "\n\\end\\\n"


def _ngram_texts(trie: Trie, n: int, places: NDArray[np.int64], vocabulary: Sequence[str]) -> list[str]:
    """Return the text of the n-grams of order n at ascending `places`."""
    if n == 1:
        return [vocabulary[word] for word in places.tolist()]
    parents, words = np.empty_like(places), np.empty_like(places)
    split_ngrams(trie, n, places, parents, words)
    contexts, indices = np.unique(parents, return_inverse=True)
    prefixes = _ngram_texts(trie, n - 1, contexts, vocabulary)
    if n == 2:  # the place of a unigram is its word
        prefixes = [BOS_TOKEN if i == EOS else prefix for i, prefix in zip(contexts.tolist(), prefixes, strict=True)]
    return [f"{prefixes[k]} {vocabulary[word]}" for k, word in zip(indices.tolist(), words.tolist(), strict=True)]


def _format_lines(order: UnpackedOrder, ngrams: Sequence[str], *, with_boundary: bool) -> Iterator[str]:
    """Format a line for each n-gram (the longest without a weight) and one for the boundary as a context."""
    logprobs = _log10(order.logprob)
    backoffs = _log10(order.backoff) or [0.0] * len(logprobs)
    if with_boundary:
        boundary = f"{LOG10_ZERO:g}\t{BOS_TOKEN}"
        yield f"{boundary}\t{backoffs[EOS]:.7g}\n" if backoffs[EOS] else f"{boundary}\n"
        backoffs[EOS] = 0.0
    for logprob, ngram, backoff in zip(logprobs, ngrams, backoffs, strict=True):
        yield f"{logprob:.7g}\t{ngram}\t{backoff:.7g}\n" if backoff else f"{logprob:.7g}\t{ngram}\n"


def _log10(nats: NDArray[np.float32]) -> list[float]:
    values: list[float] = np.maximum(nats.astype(np.float64) / math.log(10), LOG10_ZERO).tolist()
    return values


def read_arpa(file: TextIO) -> tuple[BackoffTable, list[str]]:
    """Read a model of any order, without pauses; see `reading_arpa`."""
    return run_to_completion(reading_arpa(file))


def reading_arpa(
    file: TextIO, vocabulary: Sequence[str] | None = None
) -> Generator[tuple[int, int], None, tuple[BackoffTable, list[str]]]:
    """Read a model of any order; return its table and vocabulary (id to token, as `parse_arpa` has it).

    Yields now and then how many n-grams are read, and how many there are. A file without `<unk>` gives it probability
    zero. `details` of the table have `left_out_ngrams`, how many n-grams no text leads to, and `normalization`, what
    the sums of all distributions came to (`check_normalization`), with `normalized` where one is not close to one.

    Raises InvalidInput, naming the line, for anything that is not ARPA: a wrong number of n-grams, a number that is
    none, a word without a unigram, an n-gram whose context is not listed, or one that is listed twice.
    """
    parsed = yield from parse_arpa(file, vocabulary)
    orders = link_sections(parsed.sections, len(parsed.vocabulary))
    report = check_normalization(orders)
    details = {"left_out_ngrams": parsed.left_out, "normalization": report_details(report, parsed.vocabulary)}
    if not report.is_normalized:
        details["normalized"] = False
    return BackoffTable(pack(list(unpack_orders(orders))), details), parsed.vocabulary
