"""Estimates of jobs beside the time and the memory that they take, by kind of model.

Takes the folder of corpora and the names of jobs, by default all of them. Each job runs alone in a process of its own
with one thread. Time is the processor time of that process, which other load on the machine changes little, less that
of a process that makes a tiny model, since a worker forks its jobs from one that is loaded; memory is the peak resident
size. Both are compared with the answer of `POST /v1/jobs/estimate`, and parameters with the card of the model; a ratio
above one is an estimate that is too high. The constants were fitted to the jobs of `CASES`, not to those of `FRESH`.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple, cast

import click

from app.core.settings import Settings
from app.engine.registry.model_registry import ModelRegistry
from app.jobs.submission.submission import JobSubmission
from app.schemas.jobs.requests import parse_job_request
from app.stores import Stores
from app.worker.launchers.subprocess_launcher import CHILD_COMMAND, child_environment
from app.worker.run_protocol import InputFile, RunSpec
from models.checkpoint.card import CARD_FILE

LSTM: dict[str, Any] = {"layers": 1, "embedding_size": 64, "hidden_size": 64, "epochs": 0.3}
LARGE: dict[str, Any] = {"layers": 2, "embedding_size": 200, "hidden_size": 200, "epochs": 0.2}
SMALL: dict[str, Any] = {"encoder": {"hidden_size": 64, "embedding_size": 64}, "training": {"epochs": 1}}
MB = 1_000_000
LABELLED = {"columns": ["label", "text"]}


class Case(NamedTuple):
    """A job and the texts of the folder of corpora that it learns from, one after the other."""

    texts: tuple[str, ...]
    request: dict[str, Any]
    suffix: str = "txt"
    most_bytes: int = 1 << 40
    """Bytes of the texts that are read, up to the end of a line."""


WIKITEXT, PTB, SHAKESPEARE = ("wikitext-2/train.txt",), ("ptb/ptb.train.txt",), ("tinyshakespeare/input.txt",)
CASES: dict[str, Case] = {
    "ngram-3": Case(WIKITEXT, {"kind": "ngram", "config": {"order": 3}}),
    "ngram-5": Case(WIKITEXT, {"kind": "ngram", "config": {"order": 5}}),
    "ngram-5-books": Case(("gutenberg/*.txt",), {"kind": "ngram", "config": {"order": 5}}),
    "ngram-5-pruned": Case(WIKITEXT, {"kind": "ngram", "config": {"order": 5, "prune": [0, 0, 1]}}),
    "ngram-3-katz": Case(PTB, {"kind": "ngram", "config": {"order": 3, "smoothing": "katz"}}),
    "ngram-6-characters": Case(
        SHAKESPEARE, {"kind": "ngram", "config": {"order": 6}, "tokenizer": {"kind": "character"}}
    ),
    "ngram-4-pieces": Case(
        PTB, {"kind": "ngram", "config": {"order": 4}, "tokenizer": {"kind": "bpe", "max_size": 4000}}
    ),
    "ngram-5-memory": Case(WIKITEXT, {"kind": "ngram", "config": {"order": 5}, "memory": "600M"}),
    "lstm": Case(PTB, {"kind": "lstm", "config": LSTM}, most_bytes=MB),
    "lstm-sampled": Case(WIKITEXT, {"kind": "lstm", "config": LSTM | {"sampled_words": 1000}}, most_bytes=MB),
    "lstm-2-layers": Case(PTB, {"kind": "lstm", "config": LARGE}, most_bytes=MB),
    "gru-characters": Case(
        SHAKESPEARE,
        {"kind": "gru", "config": LSTM | {"hidden_size": 256}, "tokenizer": {"kind": "character"}},
        most_bytes=MB // 4,
    ),
    "feedforward": Case(PTB, {"kind": "feedforward", "config": LSTM | {"hidden_size": 100}}, most_bytes=MB),
    "classifier": Case(("sst2/train.tsv",), {"kind": "classifier", "format": LABELLED, **SMALL}, "tsv"),
    "naive-bayes": Case(("sst2/train.tsv",), {"kind": "naive_bayes", "format": LABELLED}, "tsv"),
    "logistic-regression": Case(("sst2/train.tsv",), {"kind": "logistic_regression", "format": LABELLED}, "tsv"),
    "tagger": Case(("masc/train.txt",), {"kind": "tagger", "format": {"format": "masc"}, **SMALL}),
    "hmm-tagger": Case(("masc/train.txt",), {"kind": "hmm_tagger", "format": {"format": "masc"}}),
    "fill-in": Case(
        ("ptb/ptb.valid.txt",), {"kind": "fill_in", "encoder": SMALL["encoder"], "training": {"epochs": 2}}
    ),
    "reader": Case(("babi/qa1.txt",), {"kind": "reader", "format": {"format": "babi"}, **SMALL}),
}
"""Jobs that the constants of the estimates were fitted to."""
SQUAD, ATIS = ("squad-pieces/val.context",), ("atis/*.conllu",)
FRESH: dict[str, Case] = {
    "ngram-4-novel": Case(("gutenberg/melville-moby_dick.txt",), {"kind": "ngram", "config": {"order": 4}}),
    "ngram-3-articles": Case(SQUAD, {"kind": "ngram", "config": {"order": 3}}),
    "ngram-5-witten-bell": Case(PTB, {"kind": "ngram", "config": {"order": 5, "smoothing": "witten_bell"}}),
    "ngram-2": Case(WIKITEXT, {"kind": "ngram", "config": {"order": 2}}, most_bytes=5 * MB),
    "ngram-8-characters": Case(
        ("gutenberg/austen-*.txt",), {"kind": "ngram", "config": {"order": 8}, "tokenizer": {"kind": "character"}}
    ),
    "ngram-3-more-pieces": Case(
        SQUAD, {"kind": "ngram", "config": {"order": 3}, "tokenizer": {"kind": "bpe", "max_size": 8000}}
    ),
    "gru": Case(SQUAD, {"kind": "gru", "config": LSTM | {"hidden_size": 128}}, most_bytes=MB),
    "lstm-3-layers": Case(
        ("gutenberg/austen-emma.txt",), {"kind": "lstm", "config": LSTM | {"layers": 3, "hidden_size": 100}}
    ),
    "rnn-characters": Case(
        SQUAD,
        {"kind": "rnn", "config": LSTM | {"hidden_size": 128}, "tokenizer": {"kind": "character"}},
        most_bytes=MB // 2,
    ),
    "feedforward-sampled": Case(
        WIKITEXT, {"kind": "feedforward", "config": LSTM | {"sampled_words": 500}}, most_bytes=MB
    ),
    "classifier-larger": Case(
        ("sst2/dev.tsv",),
        {"kind": "classifier", "format": LABELLED, "encoder": {"hidden_size": 128}, "training": {"epochs": 3}},
        "tsv",
    ),
    "reader-facts": Case(("babi/qa5.txt",), {"kind": "reader", "format": {"format": "babi"}, **SMALL}),
    "tagger-conllu": Case(ATIS, {"kind": "tagger", "format": {"format": "conllu"}, **SMALL}, "conllu"),
}
"""Jobs that no constant was fitted to."""


class Figures(NamedTuple):
    """Resources that a job takes, or its estimate."""

    parameters: int
    memory_bytes: int
    seconds: float


@click.command()
@click.argument("corpora", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("names", nargs=-1, type=click.Choice([*CASES, *FRESH]))
def main(corpora: Path, names: tuple[str, ...]) -> None:
    """Run the jobs NAMES on texts of the folder CORPORA and compare each with its estimate."""
    loading = startup_seconds()
    print(f"{'job':<20} {'parameters':>32} {'memory in MB':>22} {'seconds':>22}")
    for name in names or [*CASES, *FRESH]:
        estimate, taken = measure((CASES | FRESH)[name], corpora)
        taken = taken._replace(seconds=taken.seconds - loading)
        columns = zip(estimate, taken, (1, 2**20, 1.0), (0, 0, 1), strict=True)
        told = (f"{e / unit:,.{n}f} for {t / unit:,.{n}f} {e / max(t, 1e-9):5.2f}" for e, t, unit, n in columns)
        print(f"{name:<20} " + " ".join(text.rjust(width) for text, width in zip(told, (32, 22, 22), strict=True)))


def startup_seconds() -> float:
    """Processor time that a process takes to begin, by that of a tiny job."""
    with tempfile.TemporaryDirectory() as name:
        text = Path(name) / "text.txt"
        text.write_text("to be or not to be\n" * 10)
        return min(run(CASES["ngram-5"], text, Path(name) / str(number)).seconds for number in range(2))


def measure(case: Case, corpora: Path) -> tuple[Figures, Figures]:
    """The estimate of a job, and what it takes."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        text = folder / f"text.{case.suffix}"
        paths = (path for pattern in case.texts for path in sorted(corpora.glob(pattern)))
        content = b"".join(path.read_bytes() for path in paths)
        text.write_bytes(content[: content.rfind(b"\n", 0, case.most_bytes) + 1])
        return estimate(case, text, folder), run(case, text, folder)


def request(case: Case, file: str) -> dict[str, Any]:
    return {"name": "measured", "training_file": file, **case.request}


def estimate(case: Case, text: Path, folder: Path) -> Figures:
    """Return the answer of `POST /v1/jobs/estimate`."""
    limits = {"max_job_parameters": 10**12, "max_job_memory_bytes": 1 << 50, "max_job_seconds": 1e9}
    settings = Settings(data=folder / "data", checkpoints=folder / "checkpoints", job_threads=1, **limits)
    stores = Stores.open(settings)
    stores.refresh()
    with stores.files.begin_upload() as upload, text.open("rb") as file:
        while block := file.read(1 << 20):
            upload.write(block)
        stored = stores.files.store_upload(upload, text.name, "training")
    registry = cast("ModelRegistry", None)  # which only jobs that begin with a model ask
    submission = JobSubmission(stores.files, stores.aliases, registry, settings)
    job = submission.prepare(parse_job_request(request(case, stored.id)))
    stores.database.close()
    return Figures(*(job.estimate[name] for name in Figures._fields))


def run(case: Case, text: Path, folder: Path) -> Figures:
    """Run the job in a process of its own; return its resources."""
    spec = RunSpec(
        job_id="job-1",
        request=request(case, "file-1"),
        workdir=str(folder / "work"),
        staging=str(folder / "staging"),
        checkpoints=str(folder / "checkpoints"),
        threads=1,
        save_seconds=30.0,
        training=InputFile(str(text), text.name),
    )
    (folder / "work").mkdir(parents=True)
    process = subprocess.Popen(
        [*CHILD_COMMAND, "0"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=child_environment(1)
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(asdict(spec)).encode() + b"\n")
    process.stdin.flush()
    end = json.loads(process.stdout.read().splitlines()[-1])
    _, _, usage = os.wait4(process.pid, 0)
    process.returncode = 0
    assert end["kind"] == "Done", end
    card = json.loads((Path(end["staged"]) / CARD_FILE).read_text())
    return Figures(card["parameters"], usage.ru_maxrss * 1024, usage.ru_utime + usage.ru_stime)


if __name__ == "__main__":
    main()
