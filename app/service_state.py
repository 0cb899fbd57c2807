"""State of the service as metrics: models by state and size, jobs by status, the oldest heartbeat.

It is the same in whichever process is asked: it comes from the published models and the database.
"""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from app.core.exceptions import DatabaseUnavailable
from app.engine.registry.model_registry import ModelRegistry
from app.jobs.store import JobStore
from app.storage.tables import Status


class ServiceState(Collector):
    """Collector of what is published and what is to be done."""

    def __init__(self, registry: ModelRegistry, jobs: JobStore) -> None:
        self._registry = registry
        self._jobs = jobs

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics; those of jobs only where the database answers."""
        yield from self._models()
        try:
            counts, oldest = self._jobs.counts_and_oldest_heartbeat()
        except DatabaseUnavailable:
            return
        jobs = GaugeMetricFamily("nextword_jobs", "Jobs by status.", labels=["status"])
        for status in Status:
            jobs.add_metric([status.value], counts.get(status, 0))
        yield jobs
        yield GaugeMetricFamily(
            "nextword_oldest_heartbeat_seconds", "Time since the oldest heartbeat of a running job.", value=oldest
        )

    def _models(self) -> Iterator[Metric]:
        snapshot = self._registry.snapshot
        models = GaugeMetricFamily(
            "nextword_models", "Published models: loaded, idle (not in memory), loading, broken.", labels=["state"]
        )
        for state, names in (
            ("loaded", snapshot.loaded),
            ("idle", snapshot.models[len(snapshot.loaded) :]),
            ("loading", snapshot.loading),
            ("broken", snapshot.problems),
        ):
            models.add_metric([state], len(names))
        yield models
        sizes = GaugeMetricFamily("nextword_model_bytes", "Size of the files of a loaded model.", labels=["model"])
        for served in snapshot.loaded.values():
            sizes.add_metric([served.id], sum(file.size for file in served.checkpoint.card.files.values()))
        yield sizes
