"""Work of `nextword worker` beside its jobs."""

import threading
from pathlib import Path

from app.cli.commands.worker import follow_store
from app.core.settings import Settings
from app.storage.files.sample_file import SAMPLE_ID
from app.storage.replication.object_store import ObjectStore
from app.stores import Stores
from tests.helpers.serving import ngram, publish, wait_for


def test_follow_store_puts_there_what_jobs_publish(tmp_path: Path) -> None:
    folders = {"checkpoints": tmp_path / "models", "data": tmp_path / "data"}
    settings = Settings(**folders, store=f"file://{tmp_path}/store", store_seconds=0.05)
    stop, stores = threading.Event(), Stores.open(settings)
    stores.prepare()
    follow_store(settings, stop, stores)
    try:
        publish(settings.checkpoints, "words", ngram(order=1))
        store = ObjectStore(f"file://{tmp_path}/store")
        wait_for(lambda: list(store.states()[0]) == ["words@1"])
        wait_for(lambda: (tmp_path / "store" / ".files" / stores.files.get(SAMPLE_ID).sha256).exists())
    finally:
        stop.set()
        stores.database.close()
