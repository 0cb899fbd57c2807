"""Metrics for Prometheus: requests by outcome, their time, tokens, and what is under way now.

Where several server processes share one port, their numbers are kept in files of a folder that they share
(PROMETHEUS_MULTIPROC_DIR, prometheus-client's multiprocess mode), and each of them tells the sums.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

LATENCY_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
TOKEN_BUCKETS = (0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 1.0)
"""Seconds between two tokens of a text: an n-gram model makes one in 20 us, an LSTM in a full batch in 2 ms."""


class TextTimes(NamedTuple):
    """Seconds that a text took."""

    first_token: float
    """From the request until its first token."""
    rest: float
    """From there until its end."""
    tokens: int
    """Of the text."""


class Metrics:
    """The metrics of this process since it began; of all of them where they share a folder."""

    TASK_ROUTES = frozenset(["answer", "classify", "embeddings", "fill", "pseudo_logprob", "tag"])
    MODEL_ROUTES = TASK_ROUTES | frozenset(
        [
            "analyze",
            "complete",
            "completions",
            "counts",
            "generate",
            "heuristics",
            "next",
            "perplexity",
            "probability",
            "rescore",
        ]
    )
    """Labels of requests to models; all others are `other`."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.shared_folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
        self._state_registry = CollectorRegistry()
        self._children: dict[tuple[Any, tuple[str, ...]], Any] = {}
        self._readings: list[Callable[[], None]] = []
        self._reading = threading.Lock()
        """Held while they are read: two threads at once would add to a counter twice what it has grown by."""
        if not self.shared_folder:
            ProcessCollector(registry=self.registry)
        self._requests = Counter(
            "nextword_requests",
            "Requests by what became of them: `ok`, or the code of the error; `client_gone` where it hung up.",
            ["route", "outcome"],
            registry=self.registry,
        )
        self._seconds = self._histogram(
            "nextword_request_seconds",
            "Time from the head of a request to the end of its answer, of those that ended well.",
            LATENCY_BUCKETS,
            ["route"],
        )
        self._first_token_seconds = self._histogram(
            "nextword_first_token_seconds", "Time until a generated text has its first token.", LATENCY_BUCKETS
        )
        self._token_seconds = self._histogram(
            "nextword_token_seconds", "Mean time between two tokens of a generated text.", TOKEN_BUCKETS
        )
        self._tokens = Counter(
            "nextword_tokens",
            "Tokens: `prompt` and `completion`, read and written to generate texts; `scored`, about as many.",
            ["kind"],
            registry=self.registry,
        )
        self._background_failures = Counter(
            "nextword_background_failures",
            "Failures of work beside the requests: `models` looks at the published models, `database` at aliases.",
            ["task"],
            registry=self.registry,
        )

        self._deletions = Counter(
            "nextword_deletions",
            "Jobs, files and versions of models that were deleted because the settings keep them no longer.",
            ["kind"],
            registry=self.registry,
        )

        self._replications = Counter(
            "nextword_replications",
            "Models that were `fetched` from the object store, `pushed` to it, or `deleted` in one for the other.",
            ["kind"],
            registry=self.registry,
        )

    def _histogram(self, name: str, description: str, buckets: tuple[float, ...], labels: Any = ()) -> Histogram:
        return Histogram(name, description, labels, buckets=buckets, registry=self.registry)

    def count_background_failure(self, task: str) -> None:
        """Count a failure of a background task."""
        self._child(self._background_failures, task).inc()

    def count_deletion(self, kind: str) -> None:
        """Count a job, file or model whose time was over."""
        self._child(self._deletions, kind).inc()

    def count_replication(self, kind: str) -> None:
        """Count a model that was copied from or to the object store, or deleted for it."""
        self._child(self._replications, kind).inc()

    def count_request(self, route: str, outcome: str, seconds: float) -> None:
        """Count a request that has ended, and its time where it ended well."""
        self._child(self._requests, route, outcome).inc()
        if outcome == "ok":
            self._child(self._seconds, route).observe(seconds)

    def count_tokens(self, kind: str, tokens: int) -> None:
        """Count tokens that were read or written."""
        self._child(self._tokens, kind).inc(tokens)

    def observe_text(self, times: TextTimes) -> None:
        """Note the times of a generated text: until its first token, and from there to its last."""
        self._first_token_seconds.observe(times.first_token)
        if times.tokens > 1:
            self._token_seconds.observe(times.rest / (times.tokens - 1))

    def _child(self, metric: Any, *labels: str) -> Any:
        """Return the metric with these labels, from a cache: the library's look-up takes much longer."""
        child = self._children.get((metric, labels))
        if child is None:
            child = self._children[metric, labels] = metric.labels(*labels)
        return child

    def add_gauge(self, name: str, description: str, read: Callable[[], float]) -> None:
        """Add a number of this process, which is read whenever the metrics are rendered."""
        gauge = Gauge(name, description, registry=self.registry, multiprocess_mode="livesum")
        self._readings.append(lambda: gauge.set(read()))

    def add_counter(self, name: str, description: str, read: Callable[[], float]) -> None:
        """Add a count that this process keeps itself, which is read whenever the metrics are rendered."""
        counter, last = Counter(name, description, registry=self.registry), 0.0

        def add() -> None:
            nonlocal last
            now = read()
            counter.inc(max(0.0, now - last))  # it falls where a model is withdrawn, with its cache
            last = now

        self._readings.append(add)

    def add_state(self, collector: Collector) -> None:
        """Add numbers that are not a process's own, as of the database: whichever process is asked tells them."""
        self._state_registry.register(collector)

    def refresh(self) -> None:
        """Read the gauges of this process, so that other processes tell them."""
        with self._reading:
            for read in self._readings:
                read()

    def render(self) -> bytes:
        """Return all metrics in Prometheus' text format; may wait for the database."""
        self.refresh()
        return generate_latest(self._all_processes()) + generate_latest(self._state_registry)

    def _all_processes(self) -> CollectorRegistry:
        if not self.shared_folder:
            return self.registry
        _forget_dead_processes(Path(self.shared_folder))
        registry = CollectorRegistry()
        MultiProcessCollector(registry, self.shared_folder)  # type: ignore[no-untyped-call]
        return registry


def _forget_dead_processes(folder: Path) -> None:
    """Remove gauges of processes that have ended; what they counted stays."""
    for file in folder.glob("gauge_live*_*.db"):
        pid = int(file.stem.rpartition("_")[2])
        if not Path(f"/proc/{pid}").exists():
            mark_process_dead(pid, str(folder))  # type: ignore[no-untyped-call]
