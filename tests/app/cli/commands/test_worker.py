"""Work of `nextword worker` beside its jobs."""

import threading
from pathlib import Path

from app.cli.commands.worker import follow_store
from app.core.settings import Settings
from app.storage.replication.object_store import ObjectStore
from tests.helpers.serving import ngram, publish, wait_for


def test_follow_store_puts_there_what_jobs_publish(tmp_path: Path) -> None:
    settings = Settings(checkpoints=tmp_path / "models", store=f"file://{tmp_path}/store", store_seconds=0.05)
    stop = threading.Event()
    follow_store(settings, stop)
    try:
        publish(settings.checkpoints, "words", ngram(order=1))
        store = ObjectStore(f"file://{tmp_path}/store")
        wait_for(lambda: list(store.states()[0]) == ["words@1"])
    finally:
        stop.set()
