"""Recent text of a user as a help to suggestions: keystrokes saved, by its share in the probability.

Types the first words of a text as `nextword evaluate --typing` does, each with the characters that stand before its
line as recent text, which a cache remembers for this question alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np

from models.checkpoint.load import Checkpoint, load
from models.composite.config import CacheConfig
from models.composite.recent_text import RecentTextModel
from models.evaluation.typing_figures import TypedWordPlace, TypingFigures, find_place, find_words
from models.inference.prefill import Runtime
from models.utils.progress import run_to_completion

CONTEXT_TOKENS = 256
"""Tokens of a line that are remembered beside the recent text."""


def lines_with_recent(text: str, size: int) -> Iterator[tuple[str, str]]:
    """Yield each line of a text with the `size` characters before it."""
    position = 0
    for line in text.split("\n"):
        yield line, text[max(0, position - size) : position]
        position += len(line) + 1


def measure(checkpoint: Checkpoint, text: str, words: int, size: int, shares: tuple[float, float]) -> TypingFigures:
    """Type the first words of a text, with shares of the recent words and of those after the same word."""
    figures = TypingFigures()
    for line, recent in lines_with_recent(text, size):
        ids = checkpoint.tokenizer.encode(recent).ids.astype(np.int64)
        model = RecentTextModel(CacheConfig(len(ids) + CONTEXT_TOKENS, *shares), checkpoint.predictor, ids)
        runtime = Runtime(model.chunk_tokens)
        for place in find_words(checkpoint.tokenizer, [line]):
            if figures.words == words:
                return figures
            figures = figures.add(place, *_find(model, checkpoint, place, runtime))
    return figures


def _find(
    model: RecentTextModel, checkpoint: Checkpoint, place: TypedWordPlace, runtime: Runtime
) -> tuple[int | None, int | None]:
    return run_to_completion(find_place(model, checkpoint.tokenizer, place, runtime))


@click.command()
@click.argument("text", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("model", default="checkpoints/gutenberg-kn/1", type=click.Path(exists=True, path_type=Path))
@click.option("--words", default=1000, help="How many words are typed.")
@click.option("--size", default=2000, help="Characters of recent text.")
def main(text: Path, model: Path, words: int, size: int) -> None:
    """Print what suggestions of MODEL save of TEXT, with recent text of several shares."""
    checkpoint, content = load(model), text.read_text(encoding="utf-8")
    for shares in ((0.0, 0.0), (0.05, 0.05), (0.1, 0.0), (0.1, 0.1), (0.2, 0.0), (0.15, 0.15), (0.2, 0.2)):
        figures = measure(checkpoint, content, words, size, shares).figures()
        hits = ", ".join(f"{figures[f'hits_at_{k}']:.3f}" for k in (1, 3, 5))
        print(
            f"words {shares[0]:.2f}, pairs {shares[1]:.2f}: hits {hits}; saved {figures['keystrokes_saved']:.3f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
