"""Decoding: microseconds of a word, and of a step of many states and candidates."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
import numpy as np

import nextword
from benchmarks.speed._timing import seconds
from models.language_model import LanguageModel
from models.threads import set_thread_count
from models.tokenization.tokenizer import Tokenizer
from nextword.decoders.ctc import CtcLanguageModel
from nextword.decoders.spelling import Spelling, spell_words

STATES = 64
CANDIDATES = (1, 100, 1000, 10_000)


class _State:
    """Stands for a state of a decoder's own class."""


class _PlainLM(CtcLanguageModel):
    """The adapter for CTC decoders, with states that are plain objects."""

    def _new_state(self) -> _State:
        return _State()


def one_by_one(model: LanguageModel, spellings: Sequence[Spelling], text: Sequence[int], repeats: int) -> list[float]:
    """Return the seconds of a word: the next of a text, another after the same one, one asked for again."""

    def read(words: Sequence[int], *, moves: bool) -> None:
        lm = _PlainLM(model, spellings)
        state = lm.start(False)
        for word in words:
            after, _ = lm.score(state, word)
            state = after if moves else state

    fresh = seconds(lambda: read(text, moves=True), repeats) / len(text)
    same = seconds(lambda: read(range(len(spellings)), moves=False), repeats) / len(spellings)
    lm = _PlainLM(model, spellings)
    state = lm.start(False)
    return [fresh, same, seconds(lambda: [lm.score(state, 5) for _ in range(1000)], repeats) / 1000]


def steps(model: LanguageModel, tokenizer: Tokenizer, ids: np.ndarray, repeats: int) -> list[float]:
    """Return the seconds of a step of STATES states, for each number of candidate tokens."""
    contexts = np.stack([ids[i : i + 4] for i in range(STATES)]).astype(np.int64)
    state = model.advance(model.begin_state(STATES), contexts)
    numbers = np.random.default_rng(0)
    times = []
    for count in CANDIDATES:
        words = numbers.choice(tokenizer.vocabulary_size, min(count, tokenizer.vocabulary_size), replace=False)
        candidates = nextword.Candidates([[word] for word in words.tolist()])
        times.append(seconds(lambda candidates=candidates: candidates.score(model, state), repeats))
    return times


@click.command()
@click.argument("names", nargs=-1, required=True)
@click.option("--text", type=click.Path(path_type=Path), required=True, help="Text whose words are read.")
@click.option("--precision", type=click.Choice(["float32", "int8"]), default="int8", show_default=True)
@click.option("--threads", default=1, show_default=True)
@click.option("--repeats", default=20, show_default=True)
def main(names: tuple[str, ...], text: Path, precision: str, threads: int, repeats: int) -> None:
    """Time each of the published models NAMES."""
    set_thread_count(threads)
    titles = ["next word", "other word", "again", *(f"{STATES} x {count}" for count in CANDIDATES)]
    click.echo("".join(f"{title:>16}" for title in ("model", *titles)))
    words = text.read_text(encoding="utf-8").split()[:300]
    for name in names:
        checkpoint = nextword.load(name, precision="int8" if precision == "int8" else "float32")
        model, tokenizer = checkpoint.language_model, checkpoint.tokenizer
        lexicon = sorted(set(words))
        ids = tokenizer.encode(" ".join(words)).ids
        reader = one_by_one(model, spell_words(tokenizer, lexicon), [lexicon.index(word) for word in words], repeats)
        times = [*reader, *steps(model, tokenizer, ids, repeats)]
        click.echo("".join(f"{cell:>16}" for cell in (name, *(f"{1e6 * time:,.1f} us" for time in times))))


if __name__ == "__main__":
    main()
