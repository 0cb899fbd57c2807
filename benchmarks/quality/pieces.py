"""5-grams over the tokens of foreign files, beside KenLM on what the files' own libraries encode.

Takes a training text and a text to score, raw, a sentence a line. Three tokenizers are made of the training text, each
by its own library: SentencePiece's unigram model, its BPE with bytes for what has no piece, and a byte-level BPE in a
`tokenizer.json`; `--tokenizer` takes a file instead. KenLM gets the tokens as words: `lmplz`, where it is on PATH,
estimates with `--vocab_pad` as many words as the file has, since all of them have a probability here. Its model and the
ARPA export of ours are queried by KenLM's Python module, line by line.

Two limits: perplexities differ by 1e-4 of their value at most, and no token's log-probability by 1e-4 nats from KenLM's
query of our own ARPA. The estimates differ where `lmplz` counts a word before one other than it stands before: it found
368 pieces with three different ones before them where there are 369, which moves rare pieces by 0.003 nats.

"learn" and "score" are seconds from raw text, encoding included, of one thread.
"""

from __future__ import annotations

import math
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import click
import kenlm
import numpy as np
from numpy.typing import NDArray
from sentencepiece import SentencePieceProcessor, SentencePieceTrainer
from tokenizers import Tokenizer as HuggingFaceTokenizer
from tokenizers import decoders, models, pre_tokenizers, trainers

from models.evaluation.evaluator import evaluate
from models.ngram.config import NgramConfig
from models.ngram.formats.arpa import write_arpa
from models.ngram.model import NgramModel
from models.recipes.build import build
from models.recipes.recipe import Recipe
from models.threads import set_thread_count
from models.tokenization.config import TokenizerConfig
from models.tokenization.tokenizer import Tokenizer
from models.utils.progress import run_to_completion

SIZE, ORDER = 8000, 5
LIMIT = 1e-4
"""Largest difference of a perplexity, as a share of it, and of a token's log-probability in nats."""
HEAD = ("tokens", "vocabulary", "perplexity", "KenLM", "by a token", "learn", "KenLM", "score", "KenLM")
file = click.Path(exists=True, dir_okay=False, path_type=Path)
Encode = Callable[[str], list[str]]


class Scores(NamedTuple):
    """Log-probabilities [T] of the tokens of a text in nats, and the seconds that they took."""

    logprobs: NDArray[np.float64]
    seconds: float

    @property
    def perplexity(self) -> float:
        """Perplexity of the text."""
        return math.exp(-float(self.logprobs.mean()))


def sentence_piece(path: Path, training: Path, kind: str) -> Encode:
    """Train a SentencePiece model and return what splits a line into pieces."""
    settings = {"byte_fallback": True} if kind == "bpe" else {"character_coverage": 1.0}
    SentencePieceTrainer.train(
        input=str(training), model_prefix=str(path.with_suffix("")), vocab_size=SIZE, model_type=kind, minloglevel=2,
        **settings,
    )  # fmt: skip
    return encoder_of(path)


def byte_pairs(path: Path, training: Path) -> Encode:
    """Train a byte-level BPE as GPT-2's and return what splits a line into tokens."""
    tokenizer = HuggingFaceTokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    end = ["<|endoftext|>"]
    trainer = trainers.BpeTrainer(vocab_size=SIZE, special_tokens=end, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train([str(training)], trainer)
    tokenizer.save(str(path))
    return encoder_of(path)


def encoder_of(path: Path) -> Encode:
    """Return what splits a line into the tokens of a file, by its own library."""
    if path.suffix == ".model":
        processor = SentencePieceProcessor(model_file=str(path))
        return lambda line: list(processor.encode(line, return_type=str))
    tokenizer = HuggingFaceTokenizer.from_file(str(path))
    tokenizer.encode_special_tokens = True
    return lambda line: list(tokenizer.encode(line, add_special_tokens=False).tokens)


def lines_of(path: Path) -> list[str]:
    """Return the lines of a text without the blanks around them."""
    return [line.strip() for line in path.read_text("utf-8").split("\n") if line.strip()]


def kenlm_scores(arpa: Path, text: Path, encode: Encode) -> Scores:
    """Score a text by KenLM's query."""
    peer = kenlm.Model(str(arpa))
    began = time.perf_counter()
    rows = [peer.full_scores(" ".join(encode(line))) for line in lines_of(text)]
    logprobs = np.array([score * math.log(10) for row in rows for score, _, _ in row])
    return Scores(logprobs, time.perf_counter() - began)


def estimate_by_lmplz(training: Path, size: int, encode: Encode, arpa: Path) -> float | None:
    """Estimate with `lmplz` from raw text; return the seconds, None where it is not on PATH."""
    if shutil.which("lmplz") is None:
        return None
    began = time.perf_counter()
    encoded = arpa.with_suffix(".txt")
    encoded.write_text("".join(f"{' '.join(encode(line))}\n" for line in lines_of(training)), "utf-8")
    command = ["lmplz", "-o", str(ORDER), "-S", "1G", "--vocab_pad", str(size), "--text", encoded, "--arpa", arpa]
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - began


def own_scores(model: NgramModel, tokenizer: Tokenizer, text: Path) -> Scores:
    """Score a text by our own query."""
    lines = "".join(f"{line}\n" for line in lines_of(text))
    ids = tokenizer.encode(lines).ids
    logprobs = model.score(model.begin_state(1), ids[None])[0][0].astype(np.float64)
    began = time.perf_counter()
    run_to_completion(evaluate(model, tokenizer, iter([lines]), "lines"))
    return Scores(logprobs, time.perf_counter() - began)


def rows(tokenizer_file: Path | None, training: Path, text: Path, folder: Path) -> Iterator[tuple[str, float]]:
    """Print a row for each tokenizer; yield its name and the largest difference."""
    kinds: dict[str, tuple[Path, Callable[[Path], Encode], str | None]] = {
        "SentencePiece unigram": (folder / "unigram.model", lambda p: sentence_piece(p, training, "unigram"), "</s>"),
        "SentencePiece BPE": (folder / "bpe.model", lambda p: sentence_piece(p, training, "bpe"), "</s>"),
        "byte-level BPE": (folder / "tokenizer.json", lambda p: byte_pairs(p, training), None),
    }
    if tokenizer_file is not None:
        kinds = {tokenizer_file.name: (tokenizer_file, encoder_of, None)}
    for name, (path, make, boundary) in kinds.items():
        encode = make(path)
        began = time.perf_counter()
        config = TokenizerConfig(file=str(path), boundary=boundary)
        recipe = Recipe("pieces", (training,), NgramConfig(ORDER), config, validation_fraction=0, empty_lines="drop")
        built = run_to_completion(build(recipe))
        learned = time.perf_counter() - began
        assert isinstance(built.model, NgramModel)
        own = own_scores(built.model, built.tokenizer, text)
        arpa, size = folder / "own.arpa", built.tokenizer.vocabulary_size
        with arpa.open("w", encoding="utf-8") as out:
            write_arpa(built.model.table, built.tokenizer.ngram_words(), out)
        queried = kenlm_scores(arpa, text, encode)
        by_token = float(np.abs(own.logprobs - queried.logprobs).max())
        seconds = estimate_by_lmplz(training, size, encode, folder / "kenlm.arpa")
        peer = kenlm_scores(folder / "kenlm.arpa", text, encode) if seconds is not None else queried
        cells = (f"{size:,}", f"{own.perplexity:.4f}", f"{peer.perplexity:.4f}", f"{by_token:.1e}", f"{learned:.2f}")
        times = ("-" if seconds is None else f"{seconds:.2f}", f"{own.seconds:.2f}", f"{peer.seconds:.2f}")
        click.echo(f"{name:<24}" + "".join(f"{cell:>12}" for cell in (*cells, *times)))
        yield name, max(by_token, abs(own.perplexity / peer.perplexity - 1))


@click.command()
@click.argument("training", type=file)
@click.argument("text", type=file)
@click.option("--tokenizer", type=file, help="A file to use instead of those that are made.")
def main(training: Path, text: Path, tokenizer: Path | None) -> None:
    """Learn from TRAINING, score TEXT."""
    set_thread_count(1)
    os.environ["RAYON_NUM_THREADS"] = "1"  # the threads of `tokenizers`, which begin with its first batch
    click.echo(f"{HEAD[0]:<24}" + "".join(f"{head:>12}" for head in HEAD[1:]))
    with tempfile.TemporaryDirectory() as folder:
        differences = dict(rows(tokenizer, training, text, Path(folder)))
    if wrong := [name for name, difference in differences.items() if difference > LIMIT]:
        raise SystemExit(f"KenLM differs by more than {LIMIT:g}: {', '.join(wrong)}")


if __name__ == "__main__":
    main()
