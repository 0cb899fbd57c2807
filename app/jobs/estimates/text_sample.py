"""Size of a text learnt from a sample of it: `sample_size`.

The sample is cut from places all over the text. The number of different n-grams that occur at least m times grows with
the length t of a text as t^(m n_m / N_m), where n_m of them occur m times and N_m at least so often: for m = 1 that is
the rate at which new ones come, which Good and Turing found to be n_1 / t. From a sample of 1 MB the numbers of
n-grams of two to five tokens in texts of 1 to 90 MB came out at 0.92 to 1.16 times the truth; the vocabulary of 90 MB
of generated text, of which most words are rare, at 0.60 times.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, TypeAlias

import numpy as np

from app.core.exceptions import StoreUnavailable
from app.jobs.estimates.text_size import TextSize
from models.data.corpus import Corpus
from models.data.encoding_names import UTF_8
from models.data.labelled.examples import Question, TaggedSentence
from models.data.text_files import check_is_text
from models.errors import NextwordError
from models.ngram.config import NgramConfig
from models.ngram.counting.extraction import count_ngrams
from models.recipes.recipe import Recipe
from models.recipes.task_examples import read_examples
from models.recipes.task_recipe import TaskRecipe
from models.tokenization.config import DEFAULT_BPE_SIZE, TokenizerConfig
from models.tokenization.tokenizer import Tokenizer
from models.utils.arrays import IntArray
from models.utils.compression import decompressed

OpenFile: TypeAlias = Callable[[], io.BufferedReader]
"""Call that opens a file to read some of its bytes."""
SAMPLE_BYTES = 1 << 20
"""Bytes of a sample, whose words are counted in a tenth of a second. A smaller one misses more of what is repeated."""
PIECES_SAMPLE_BYTES = 1 << 18
"""Bytes of it that parts of words are learnt from, which takes longer."""
EXAMPLE_ORDER = 2
"""Longest n-grams of examples that are counted, those of a baseline."""
PIECES = ("bpe", "unigram")
"""Kinds of tokenizers whose tokens are parts of words."""
_CUTS = 16
"""Places of a text that its sample is cut from."""


def sample_size(recipe: Recipe, open_file: OpenFile, text_bytes: int, *, seekable: bool = True) -> TextSize | None:
    """Return the size of a text of `text_bytes`; None where no sample of it can be read.

    The job will tell why. The sample of a text that is not `seekable`, as it is compressed, is its beginning. Raises
    StoreUnavailable as reading does.
    """
    is_cut = seekable and recipe.encoding == UTF_8 and text_bytes > 2 * SAMPLE_BYTES
    try:
        with open_file() as file:
            sample = _cut(file, text_bytes, SAMPLE_BYTES) if is_cut else _beginning(file, SAMPLE_BYTES)
        return _measure(recipe, sample, text_bytes / max(1, len(sample)))
    except StoreUnavailable:
        raise
    except (NextwordError, OSError):
        return None


def sample_examples(recipe: TaskRecipe, open_file: OpenFile, name: str, text_bytes: int) -> TextSize | None:
    """Return the size of a task's examples, by the beginning of their first file.

    None where that cannot be read. `name` is that of the uploaded file, whose ending tells its format, `text_bytes` the
    size of all files. Raises StoreUnavailable as reading does.
    """
    try:
        with open_file() as file:
            sample = _beginning(file, PIECES_SAMPLE_BYTES)
        sample = sample if len(sample) >= text_bytes else sample[: sample.rfind(b"\n") + 1]
        texts = list(_texts(recipe, sample, name))
        model = Recipe("sample", (Path(name),), NgramConfig(order=EXAMPLE_ORDER), tokenizer=recipe.tokenizer)
        size = _measure(model, "\n".join(texts).encode(), text_bytes / max(1, len(sample)))
    except StoreUnavailable:
        raise
    except (NextwordError, OSError):
        return None
    return replace(size, text_bytes=text_bytes, longest=max(map(_word_count, texts)))


def _texts(recipe: TaskRecipe, sample: bytes, name: str) -> Iterator[str]:
    """Yield the texts of the examples in a sample, a line each."""
    if recipe.format is None:
        yield from sample.decode(recipe.encoding, "replace").splitlines()
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(sample)
        examples = read_examples([path], recipe.format)
    for example in examples:
        if isinstance(example, TaggedSentence):
            yield " ".join(example.tokens)
        else:
            text = f"{example.context} {example.question}" if isinstance(example, Question) else example.text
            yield " ".join(text.split("\n"))


def _word_count(text: str) -> int:
    return len(text.split())


def _beginning(file: io.BufferedReader, size: int) -> bytes:
    """Return the first bytes of what a file holds, decompressed. Raises InvalidText where that is no text."""
    sample = decompressed(file, "file").read(size)
    check_is_text(sample, "file")
    return sample


def _cut(file: BinaryIO, text_bytes: int, size: int) -> bytes:
    """Return whole lines from several places of a file, about `size` bytes together."""
    length, pieces = size // _CUTS, []
    for number in range(_CUTS):
        file.seek(number * (text_bytes - length) // (_CUTS - 1))
        _, newline, lines = (piece := file.read(length)).partition(b"\n")
        pieces.append(lines[: lines.rfind(b"\n") + 1] if newline else piece)
    return b"".join(pieces)


def _measure(recipe: Recipe, sample: bytes, scale: float) -> TextSize:
    """Return the size of a text that is `scale` times as long as the sample."""
    model = recipe.model if isinstance(recipe.model, NgramConfig) else NgramConfig(order=1)
    tokenizer, ids = _encode(recipe, sample)
    counts = [level.count for level in count_ngrams(ids, model.order, tokenizer.vocabulary_size).levels]
    ngrams = [_grown(count, 1, scale) for count in counts]
    config = recipe.tokenizer
    words = _grown(counts[0], config.min_count, scale) + 1  # and <unk>, which no text has
    vocabulary = _vocabulary(config, tokenizer, min(words, config.max_size or words), scale)
    kept = [_grown(count, t + 1, scale) for count, t in zip(counts[1:], model.thresholds[1:], strict=True)]
    return TextSize(
        round(len(sample) * scale),
        max(1, round(len(ids) * scale)),
        vocabulary,
        (vocabulary, *ngrams[1:]),
        (vocabulary, *map(min, kept, ngrams[1:])),
    )


def _encode(recipe: Recipe, sample: bytes) -> tuple[Tokenizer, IntArray]:
    """Return a tokenizer as the recipe's and the ids of the sample."""
    config = replace(recipe.tokenizer, min_count=1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sample"
        path.write_bytes(sample)
        text = Corpus.open(path, config=config, empty_lines=recipe.empty_lines, encoding=recipe.encoding)
        if config.file is not None:
            tokenizer = Tokenizer.train(config, ())
        elif config.kind in PIECES and len(sample) > PIECES_SAMPLE_BYTES:
            smaller = Path(folder) / "smaller"
            smaller.write_bytes(_smaller(sample, recipe.encoding))
            tokenizer, _ = replace(text, files=(smaller,)).train_tokenizer(config)
        else:
            tokenizer, encoded = text.train_tokenizer(config)
            return tokenizer, encoded.ids
        return tokenizer, replace(text, config=tokenizer.config).encode(tokenizer).ids


def _smaller(sample: bytes, encoding: str) -> bytes:
    """Return the part of a sample that parts of words are learnt from."""
    is_cut = encoding == UTF_8  # of others, a byte of a newline may be half a character
    return _cut(io.BytesIO(sample), len(sample), PIECES_SAMPLE_BYTES) if is_cut else sample[:PIECES_SAMPLE_BYTES]


def _vocabulary(config: TokenizerConfig, tokenizer: Tokenizer, words: int, scale: float) -> int:
    """Return the size of the whole text's vocabulary; `words`: of one that has a token for each word."""
    if config.kind == "word" and config.file is None:
        return words
    if config.kind in PIECES and scale > 1:
        return config.max_size or DEFAULT_BPE_SIZE
    return tokenizer.vocabulary_size


def _grown(counts: IntArray, least: int, scale: float) -> int:
    """Return how many n-grams occur `least` times or more in a text `scale` times as long as the sample.

    `counts` are those in the sample.

    >>> _grown(np.array([1, 1, 1, 1]), 1, 10.0), _grown(np.array([4, 2, 1, 1]), 1, 9.0)
    (40, 12)
    """
    listed = int(np.count_nonzero(counts >= least))
    if scale <= 1 or not listed:
        return listed
    exponent = least * int(np.count_nonzero(counts == least)) / listed
    return round(listed * float(scale**exponent))
