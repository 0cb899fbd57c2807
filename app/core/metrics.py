"""Metrics for Prometheus: requests by outcome, their time, tokens, and what is under way now.

Each server process has numbers of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

LATENCY_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)


class Metrics:
    """The metrics of this process since it began."""

    TASK_ROUTES = frozenset(["answer", "classify", "embeddings", "fill", "pseudo_logprob", "tag"])
    MODEL_ROUTES = TASK_ROUTES | frozenset(
        ["completions", "counts", "generate", "heuristics", "next", "perplexity", "probability", "rescore"]
    )
    """Labels of requests to models; all others are `other`."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._children: dict[tuple[Any, tuple[str, ...]], Any] = {}
        ProcessCollector(registry=self.registry)
        self._requests = Counter(
            "nextword_requests",
            "Requests by what became of them: `ok`, or the code of the error; `client_gone` where it hung up.",
            ["route", "outcome"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "nextword_request_seconds",
            "Time from the head of a request to the end of its answer, of those that ended well.",
            ["route"],
            buckets=LATENCY_BUCKETS,
            registry=self.registry,
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

    def count_background_failure(self, task: str) -> None:
        """Count a failure of a background task."""
        self._child(self._background_failures, task).inc()

    def count_request(self, route: str, outcome: str, seconds: float) -> None:
        """Count a request that has ended, and its time where it ended well."""
        self._child(self._requests, route, outcome).inc()
        if outcome == "ok":
            self._child(self._seconds, route).observe(seconds)

    def count_tokens(self, kind: str, tokens: int) -> None:
        """Count tokens that were read or written."""
        self._child(self._tokens, kind).inc(tokens)

    def _child(self, metric: Any, *labels: str) -> Any:
        """Return the metric with these labels, from a cache: the library's look-up takes much longer."""
        if (metric, labels) not in self._children:
            self._children[metric, labels] = metric.labels(*labels)
        return self._children[metric, labels]

    def add_gauge(self, name: str, description: str, read: Callable[[], float]) -> None:
        """Add a number that is read whenever the metrics are rendered."""
        Gauge(name, description, registry=self.registry).set_function(read)

    def render(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return generate_latest(self.registry)
