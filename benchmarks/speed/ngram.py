"""N-grams beside KenLM: speed of estimation and scoring, latency of a next-word distribution, size.

Takes a text to learn from and one to score, one line a sentence, tokens between blanks. Times are medians of several,
as other work on the machine can only add to them. KenLM is asked through its Python binding, for the same model by way
of ARPA; `lmplz`, `build_binary` and `query` on PATH are timed on the same text as well. Where scoring is compared, the
two take turns, and a ratio says more than either figure.
"""

from __future__ import annotations

import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click
import kenlm
import numpy as np
from numpy.typing import NDArray

from benchmarks.speed._timing import in_turn, seconds
from models.checkpoint import save as checkpoint
from models.checkpoint.card import Provenance
from models.checkpoint.load import load
from models.data.corpus import Corpus
from models.evaluation.evaluator import CHUNK_BYTES, evaluate
from models.ngram.config import NgramConfig
from models.ngram.formats import arpa
from models.ngram.model import NgramModel
from models.ngram.smoothing.estimator import estimate_from_tokens
from models.state import State
from models.threads import set_thread_count
from models.tokenization.config import TokenizerConfig
from models.tokenization.tokenizer import Tokenizer
from models.utils.progress import run_to_completion

TIMES = 5
"""How often the scored text is evaluated, one after the other, so that threads have something to share."""
CONTEXTS = 200
"""How many contexts of the scored text are asked for what comes next."""


def say(what: str, value: float, unit: str) -> None:
    """Print one figure."""
    click.echo(f"{what:<48}{value:>14,.3f} {unit}")


def states(model: NgramModel, ids: NDArray[np.int32]) -> list[State]:
    """States met in the text, evenly spread."""
    ends = np.linspace(1, len(ids), CONTEXTS, dtype=int)
    rows = [ids[None, max(0, end - 20) : end].astype(np.int64) for end in ends]
    return [model.advance(model.begin_state(1), row) for row in rows]


def per_state(ask: Callable[[State], object], contexts: list[State], repeats: int) -> float:
    """Return the mean over `contexts` of the median time, in microseconds."""
    return 1e6 * float(np.mean([seconds(lambda state=state: ask(state), repeats) for state in contexts]))  # type: ignore[misc]


def time_estimation(text: Path, config: NgramConfig, ids: NDArray[np.int32], size: int, repeats: int) -> None:
    """Ids to a table, and `lmplz` from text to ARPA where it is to be had."""
    elapsed = seconds(lambda: estimate_from_tokens(config, ids, size), repeats)
    say("estimation, ids to table", elapsed, "s")
    say("", len(ids) / elapsed / 1e6, "million tokens/s")
    say("peak memory of this process so far", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "MiB")
    lmplz = shutil.which("lmplz")
    if lmplz is None or any(config.prune):
        return
    with tempfile.NamedTemporaryFile("w", encoding="utf-8") as file:  # lmplz refuses <unk> in a text
        file.write(text.read_text(encoding="utf-8").replace("<unk>", "<UNK>"))
        file.flush()
        command = [lmplz, "-o", str(config.order), "--text", file.name, "--arpa", "/dev/null"]
        say("lmplz, text to ARPA", seconds(lambda: subprocess.run(command, check=True, capture_output=True), 1), "s")


def raw(model: NgramModel, tokenizer: Tokenizer, pieces: Sequence[str]) -> None:
    """Text to log-probabilities, a piece at a time, so that ids stay in the cache."""
    for piece in pieces:
        model.score_ids(model.begin_state(1), tokenizer.encode(piece).ids)


def cut(text: str) -> Iterator[str]:
    """Whole lines, as many at a time as evaluation takes."""
    begin = 0
    while begin < len(text):
        end = text.find("\n", begin + CHUNK_BYTES) + 1 or len(text)
        yield text[begin:end]
        begin = end


def evaluated(model: NgramModel, tokenizer: Tokenizer, text: str, threads: int) -> None:
    """Time the evaluation of a text of several megabytes."""
    set_thread_count(threads)
    run_to_completion(evaluate(model, tokenizer, [text] * TIMES, "lines"))
    set_thread_count(1)


def time_scoring(model: NgramModel, tokenizer: Tokenizer, text: str, peer: kenlm.Model, repeats: int) -> None:
    """Ids and raw text, on one thread and on two, KenLM's binding in turn with them."""
    ids, stripped = tokenizer.encode(text).ids, text.splitlines()
    pieces = list(cut(text))
    with ThreadPoolExecutor(2) as pool:
        work: dict[str, tuple[int, Callable[[], object]]] = {
            "scoring ids, one thread": (1, lambda: model.score_ids(model.begin_state(1), ids)),
            "scoring raw text, one thread": (1, lambda: raw(model, tokenizer, pieces)),
            "scoring raw text, two threads": (
                2,
                lambda: list(pool.map(lambda _: raw(model, tokenizer, pieces), range(2))),
            ),
            "KenLM's binding, raw text, one thread": (1, lambda: [peer.score(line) for line in stripped]),
            "evaluating, one thread": (TIMES, lambda: evaluated(model, tokenizer, text, 1)),
            "evaluating, two threads": (TIMES, lambda: evaluated(model, tokenizer, text, 2)),
        }
        times = in_turn({name: call for name, (_, call) in work.items()}, repeats)
    speeds = {name: times_ * len(ids) / times[name] / 1e6 for name, (times_, _) in work.items()}
    for name, speed in speeds.items():
        say(name, speed, "million tokens/s")
    one, two, theirs, alone, together = (speeds[name] for name in list(work)[1:])
    say("raw text, one thread beside the binding", one / theirs, "times")
    say("raw text, two threads beside one", two / one, "times")
    say("evaluating, two threads beside one", together / alone, "times")


def as_arpa(model: NgramModel, tokenizer: Tokenizer, path: Path) -> None:
    """Write the model for KenLM."""
    with path.open("w", encoding="utf-8") as file:
        arpa.write_arpa(model.table, tokenizer.vocabulary, file)


def time_kenlm(peer: kenlm.Model, tokenizer: Tokenizer, repeats: int) -> None:
    """Time next-word distributions by KenLM's binding, which scores one word at a time."""
    begin, after = kenlm.State(), kenlm.State()
    peer.BeginSentenceWrite(begin)
    row = seconds(lambda: [peer.BaseScore(begin, word, after) for word in tokenizer.vocabulary], repeats)
    say("KenLM's binding, next word by enumeration", 1e6 * row, "µs")


def time_tools(path: Path, text: Path) -> None:
    """Time KenLM's programs where they are installed: sizes of files, and `query` with its loading."""
    build, query = shutil.which("build_binary"), shutil.which("query")
    if build is None or query is None:
        click.echo("build_binary and query are not on PATH")
        return
    for kind in ("probing", "trie"):
        binary = path.with_suffix(f".{kind}")
        subprocess.run([build, kind, str(path), str(binary)], check=True, capture_output=True)
        say(f"KenLM's {kind}, file", binary.stat().st_size / 1e6, "MB")
        with text.open("rb") as lines:
            began = time.perf_counter()
            subprocess.run([query, "-v", "summary", str(binary)], check=True, capture_output=True, stdin=lines)
        say(f"KenLM's query, {kind}", time.perf_counter() - began, "s")


def time_sharing(model: NgramModel, tokenizer: Tokenizer, folder: Path) -> None:
    """Measure the checkpoint on disk, loading it, and the memory of two processes that share it."""
    entry = checkpoint.save(folder, "model", model, tokenizer, Provenance("none", "none"))
    file = entry.path / checkpoint.WEIGHTS_FILE
    say("checkpoint, weights", file.stat().st_size / 1e6, "MB")
    say("loading it without hashing", 1e3 * seconds(lambda: load(entry.path, verify=False), 5), "ms")
    command = [sys.executable, "-c", _HOLD, str(entry.path)]
    held = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    try:
        for process in held:
            process.stdout.readline()  # type: ignore[union-attr]
        for process in held:
            say("of it, in the memory of each of two processes", _share(process.pid, file.name), "MB")
    finally:
        for process in held:
            process.communicate("")


_HOLD = """
import sys
from pathlib import Path
from models.checkpoint.load import load
model = load(Path(sys.argv[1])).model
print(flush=True)
sys.stdin.read()
"""


def _share(pid: int, name: str) -> float:
    """Return the proportional set size (Pss) of the mappings of a file in a process."""
    total, inside = 0.0, False
    for line in Path(f"/proc/{pid}/smaps").read_text(encoding="utf-8").splitlines():
        key = line.split()[0]
        inside = line.endswith(name) if not key.endswith(":") else inside
        total += float(line.split()[1]) / 1e3 if inside and key == "Pss:" else 0.0
    return total


def time_next_word(model: NgramModel, ids: NDArray[np.int32], repeats: int) -> None:
    """Time the whole distribution, the best words, and reading a word."""
    contexts, word = states(model, ids), np.array([[2]])
    say("next word, whole distribution", per_state(model.logprobs, contexts, repeats), "µs")
    say("next word, best 10", per_state(lambda state: model.topk(state, 10), contexts, repeats), "µs")
    say("reading one word", per_state(lambda state: model.advance(state, word), contexts, repeats), "µs")


@click.command()
@click.argument("training", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("scored", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--order", default=5, show_default=True)
@click.option("--prune", default="0", show_default=True, help="Count cut-offs by order, as in lmplz, with commas.")
@click.option("--repeats", default=5, show_default=True)
def main(training: Path, scored: Path, order: int, prune: str, repeats: int) -> None:
    """Learn from TRAINING, score SCORED."""
    set_thread_count(1)
    config = NgramConfig(order, prune=tuple(int(t) for t in prune.split(",")))
    corpus = Corpus.open(training, empty_lines="drop")
    tokenizer = Tokenizer.train(TokenizerConfig(pretokenized=True), corpus.chunks())
    ids = corpus.encode(tokenizer).ids
    text = "".join(Corpus.open(scored, empty_lines="drop").chunks())
    click.echo(
        f"{training.name}: {len(ids):,} tokens, {tokenizer.vocabulary_size:,} words; order {order}, prune {prune}"
    )
    time_estimation(training, config, ids, tokenizer.vocabulary_size, repeats)
    model = NgramModel(config, estimate_from_tokens(config, ids, tokenizer.vocabulary_size))
    say("size of the table", sum(array.nbytes for array in model.table.arrays().values()) / 1e6, "MB")
    arrays = model.table.arrays()
    checked = seconds(lambda: model.table.from_arrays(arrays, order, tokenizer.vocabulary_size, {}), repeats)
    say("checking a table when it is loaded", 1e3 * checked, "ms")
    held_out = tokenizer.encode(text).ids
    scores = model.score_ids(model.begin_state(1), held_out)[0].astype(np.float64)
    say("perplexity", float(np.exp(-scores.mean())), "")
    time_next_word(model, held_out, repeats)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.arpa"
        as_arpa(model, tokenizer, path)
        peer = kenlm.Model(str(path))
        time_scoring(model, tokenizer, text, peer, repeats)
        time_kenlm(peer, tokenizer, repeats)
        time_tools(path, scored)
        time_sharing(model, tokenizer, Path(folder))


if __name__ == "__main__":
    main()
