"""A small text, models of every kind made from it, and the service on a real port in front of them."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, Any

import httpx
import numpy as np
import pytest
import torch
import uvicorn
from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families

from app.core.settings import Settings
from app.main import create_app
from app.server.server import uvicorn_config
from models.checkpoint.card import Provenance
from models.checkpoint.counts_file import COUNTS_FILE, counts_tensors
from models.checkpoint.load import load
from models.checkpoint.repository import CheckpointRef, resolve
from models.checkpoint.save import save
from models.composite.config import MixtureConfig
from models.composite.mixture import MixtureModel
from models.model import Model
from models.neural.config import RecurrentConfig
from models.neural.encoder.config import EncoderConfig
from models.neural.encoder.model import RecurrentEncoder, encoder_shapes
from models.neural.model import RecurrentModel
from models.neural.network import Network
from models.neural.training.initialization import initialize
from models.ngram.config import NgramConfig
from models.ngram.counting.extraction import count_ngrams
from models.ngram.model import NgramModel
from models.ngram.smoothing.estimator import estimate_from_counts, estimate_from_tokens
from models.tasks.classification.config import NaiveBayesConfig
from models.tasks.classification.fit_ngrams import fit_naive_bayes
from models.tasks.classification.model import RecurrentClassifier
from models.tasks.classification.train import LabelledTexts
from models.tasks.encoder_model import EncoderModel
from models.tasks.fill_in.model import RecurrentFillIn
from models.tasks.question_answering.model import Reader
from models.tasks.tagging.model import RecurrentTagger
from models.tasks.text import TaskText
from models.tokenization.config import TokenizerConfig
from models.tokenization.tokenizer import Tokenizer
from tests.app.openapi.error_check import ErrorCheck
from tests.helpers.language_models import arrays
from tests.helpers.texts import some_text

# A busy machine may be slow, and a test that hangs up early proves nothing.
get, post, stream = (partial(call, timeout=60) for call in (httpx.get, httpx.post, httpx.stream))
PATIENCE = 180
"""Seconds until a server must be ready, on a machine however busy: hundreds of tests may share it."""
ENDLESS = {"max_tokens": 10**6, "ignore_end": True}
TEXT = some_text()
WORDS = Tokenizer.train(TokenizerConfig(), [TEXT])
CHARACTERS = Tokenizer.train(TokenizerConfig(kind="character"), [TEXT])


def ngram(tokenizer: Tokenizer = WORDS, order: int = 3, smoothing: str = "kneser_ney") -> NgramModel:
    config = NgramConfig(order=order, smoothing=smoothing)
    return NgramModel(config, estimate_from_tokens(config, tokenizer.encode(TEXT).ids, tokenizer.vocabulary_size))


def recurrent(kind: str = "lstm", tokenizer: Tokenizer = WORDS, seed: int = 2) -> RecurrentModel:
    """Not trained, but uneven enough to be told from any other."""
    config = RecurrentConfig(kind, layers=2, embedding_size=12, hidden_size=16, tied=False)
    network = Network(config, tokenizer.vocabulary_size)
    counts = np.bincount(tokenizer.encode(TEXT).ids, minlength=tokenizer.vocabulary_size)
    initialize(network, "uniform", 1.0, counts, torch.Generator().manual_seed(seed))
    return RecurrentModel(config, arrays(network), tokenizer.vocabulary_size)


def task_model(family: type[EncoderModel], config: dict[str, Any], tokenizer: Tokenizer = WORDS) -> EncoderModel:
    """Not trained, but uneven enough to be told from any other."""
    architecture, size = EncoderConfig("gru", embedding_size=12, hidden_size=8), tokenizer.vocabulary_size
    numbers = np.random.default_rng(3)

    def some(shapes: dict[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
        return {name: numbers.normal(0, 0.7, shape).astype(np.float32) for name, shape in shapes.items()}

    encoder = RecurrentEncoder(architecture, some(encoder_shapes(architecture, size)), size)
    return family.build(config, encoder, some(family.head_shapes(config, encoder)), None)


def classifier(tokenizer: Tokenizer = WORDS, **settings: object) -> EncoderModel:
    return task_model(RecurrentClassifier, {"classifier": settings, "labels": ["bad", "good", "other"]}, tokenizer)


def naive_bayes() -> Model:
    """Of two texts a label."""
    texts = ["the old dog", "a dog saw", "a bird", "the old bird saw"]
    targets = np.repeat(np.eye(2, dtype=np.float32), 2, axis=0)
    examples = LabelledTexts([TaskText.of(WORDS, text) for text in texts], targets)
    return fit_naive_bayes(NaiveBayesConfig(), ["dog", "bird"], examples, WORDS.vocabulary_size)


def tagger(**settings: object) -> EncoderModel:
    return task_model(RecurrentTagger, {"tagger": settings, "tags": ["B-ANIMAL", "I-ANIMAL", "O"]})


def fill_in(**settings: object) -> EncoderModel:
    return task_model(RecurrentFillIn, {"fill_in": settings})


def reader(target: str = "answers") -> EncoderModel:
    answers = ["dog", "yes", "two , three"] if target == "answers" else []
    copied = [answer == "dog" for answer in answers]
    settings = {"target": target, "match_size": 6}
    return task_model(Reader, {"reader": settings, "answers": answers, "copied": copied})


def publish(root: Path, name: str, model: Model, tokenizer: Tokenizer = WORDS, **options: object) -> CheckpointRef:
    provenance = Provenance("made by a test", "none", metrics={"perplexity": {"lines": 12.5}})
    return save(root, name, model, tokenizer, provenance, **options)


def publish_with_counts(
    root: Path, name: str, config: NgramConfig, text: str, tokens: TokenizerConfig | None = None
) -> CheckpointRef:
    """Publish an n-gram model of the words of `text`, or of other tokens, with its counts."""
    tokenizer = Tokenizer.train(tokens or TokenizerConfig(), [text])
    counts = count_ngrams(tokenizer.encode(text).ids, config.order, tokenizer.vocabulary_size)
    model = NgramModel(config, estimate_from_counts(config, counts))
    return publish(root, name, model, tokenizer, extra_files={COUNTS_FILE: counts_tensors(counts.levels)})


def publish_mixture(root: Path, name: str, *members: str) -> CheckpointRef:
    """Publish a mixture of models of `root`, which all have the same weight."""
    refs = [resolve(root, member) for member in members]
    weights = MixtureConfig((1 / len(refs),) * len(refs))
    return publish(root, name, MixtureModel(weights, [load(ref.path).member_model for ref in refs]), members=refs)


def publish_all(root: Path) -> None:
    """words, counts (with zero probabilities), letters, lstm, gru."""
    publish(root, "words", ngram())
    publish(root, "counts", ngram(smoothing="mle"))
    publish(root, "letters", ngram(CHARACTERS, order=5), CHARACTERS)
    publish(root, "lstm", recurrent())
    publish(root, "gru", recurrent("gru"))


class Server:
    """The service on a port of its own, in a thread with an event loop of its own."""

    def __init__(self, settings: Settings) -> None:
        self.app: FastAPI = create_app(settings)
        self.app.add_middleware(ErrorCheck)
        self._server = uvicorn.Server(uvicorn_config(self.app, port=settings.port, timeout_graceful_shutdown=5))
        self._thread = threading.Thread(target=self._server.run)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.servers[0].sockets[0].getsockname()[1]}"

    @classmethod
    def of(cls, checkpoints: Path, **settings: object) -> Server:
        data = checkpoints.with_name(f"{checkpoints.name}-data")
        defaults = {"port": 0, "reload_seconds": 0.05, "threads": 1, "data": data}
        return cls(Settings(checkpoints=checkpoints, **{**defaults, **settings}))

    def begin(self) -> None:
        """Start, and wait until it answers."""
        self._thread.start()
        wait_for(lambda: self._server.started)

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join()


@contextmanager
def serving(checkpoints: Path, **settings: object) -> Iterator[Server]:
    """A server whose models are loaded and whose tables are made."""
    server = Server.of(checkpoints, **settings)
    server.begin()
    try:
        wait_for(lambda: get(f"{server.url}/health/ready").status_code == 200, PATIENCE)
        wait_for(lambda: get(f"{server.url}/v1/aliases").status_code == 200, PATIENCE)
        yield server
    finally:
        server.stop()


@contextmanager
def loading(checkpoints: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Server, threading.Event]]:
    """A server that loads models only once the event is set."""
    server, go = Server.of(checkpoints), threading.Event()
    load_now = server.app.state.registry._load
    monkeypatch.setattr(server.app.state.registry, "_load", lambda path: (go.wait(60), load_now(path))[1])
    server.begin()
    try:
        yield server, go
    finally:
        go.set()
        server.stop()


def wait_for(condition: Callable[[], object], seconds: float = 60, pause: float = 0.01) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(pause)


def samples(rendered: bytes) -> dict[str, float]:
    """Return every sample by its name and the values of its labels, in the order of the labels' names."""
    families = text_string_to_metric_families(rendered.decode())
    return {
        " ".join([sample.name, *(value for _, value in sorted(sample.labels.items()))]): sample.value
        for family in families
        for sample in family.samples
    }


def metrics(url: str) -> dict[str, float]:
    """Return the `samples` of a service."""
    return samples(get(f"{url}/metrics").content)


def idle(url: str) -> bool:
    """Whether nothing is under way and no place is taken."""
    found = metrics(url)
    names = ("requests_under_way", "pending_bytes", "running_texts", "waiting_texts")
    lines = [f"{line}_{what}" for line in ("slow", "quick") for what in ("places", "pending_tokens")]
    return all(found[f"nextword_{name}"] == 0 for name in (*names, *lines))


def counted(server: Server, route: str, outcome: str) -> float:
    """How many requests ended so."""
    return metrics(server.url).get(f"nextword_requests_total {outcome} {route}", 0)


@contextmanager
def busy(server: Server, model: str) -> Iterator[None]:
    """Another client's endless text is under way."""
    with stream("POST", f"{server.url}/v1/models/{model}/generate", json={**ENDLESS, "stream": True}) as answer:
        lines = answer.iter_lines()
        next(lines)
        yield


@contextmanager
def process(
    checkpoints: Path, data: Path, *options: str, log: IO[bytes] | None = None, **settings: str
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`nextword serve` and its address; it is killed at the end, and what it logs goes to `log`, where there is one."""
    command = [sys.executable, "-m", "app.cli.main", "serve", "--port", "0", "--no-worker"]
    folders = ["--checkpoints", str(checkpoints), "--data", str(data)]
    environment = {
        **os.environ,
        "NEXTWORD_THREADS": "1",
        "NEXTWORD_MAX_TOKENS": "1000000",
        "NEXTWORD_MAX_PENDING_TOKENS": "10000000",
        **settings,
    }
    with subprocess.Popen(
        [*command, *folders, *options], stdout=subprocess.PIPE, stderr=log, text=True, env=environment
    ) as server:
        try:
            lines = iter(server.stdout.readline, "")
            url = next(line for line in lines if "/v1/models" in line).split()[-1].removesuffix("/v1/models")
            yield server, url
        finally:
            server.kill()
