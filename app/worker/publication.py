"""Publication of a job's model, by at most one of its attempts.

A staged model becomes visible by a rename in the folder of published models. Where machines share an object store, it
goes there first, and a version that was begun is either published there or given up for all attempts: see
`ObjectStore`. So an attempt that was taken for lost cannot publish late what its successor publishes too, or has told
to have failed.
"""

from __future__ import annotations

import logging
from pathlib import Path

from app.jobs.job import Job
from app.jobs.leases import Lease
from app.storage import published_models
from app.storage.published_models import job_result
from app.storage.replication.shared_models import SharedModels
from app.worker.config import WorkerContext
from app.worker.lease_keeper import keep_trying
from app.worker.run_monitor import retry_while_unavailable
from app.worker.run_protocol import JsonObject
from models.checkpoint.card import CARD_FILE, Card
from models.checkpoint.repository import version_folder
from models.errors import CheckpointExists

logger = logging.getLogger(__name__)


class Publication:
    """Publication of the model of a job under a lease.

    Results are those of the job, with the id of its model. Methods raise LeaseLost, and wait while database or object
    store do not answer.
    """

    def __init__(self, job: Job, lease: Lease, context: WorkerContext) -> None:
        """The job must make a model."""
        assert job.name is not None
        assert job.version is not None
        self._job_id, self._name, self._version = job.id, job.name, job.version
        self._lease, self._context, self._models = lease, context, context.shared_models
        self._root = context.checkpoints
        self._is_begun = job.publishing
        """Whether this attempt or an earlier one may have begun to publish this version."""

    def find(self) -> JsonObject | None:
        """Return the result where an earlier attempt has published the model."""
        if published_models.is_published(self._root, self._name, self._version, self._job_id):
            return self._result(self._target)
        models = self._models
        if models is None or not self._is_begun:
            return None
        card = keep_trying(lambda: models.published_by(self._job_id, self._id), self._lease, self._context)
        return None if card is None else job_result(card, self._id)

    def publish(self, staged: Path) -> JsonObject:
        """Publish the staged model and return the result, under another version where somebody else has that.

        Raises DiskFull and OSError.
        """
        while True:
            try:
                return self._publish(staged)
            except CheckpointExists as error:
                # What nobody has begun needs no giving up, which would keep the other model out of the store.
                if self._is_begun and (result := self.give_up()) is not None:
                    return result
                self._renumber()
                logger.warning("%s: job %s publishes %s instead", error, self._job_id, self._id)

    def give_up(self) -> JsonObject | None:
        """Bar all attempts from publishing this version; returns the result where one of them was first.

        Those of machines that share the folder of models are barred already: their staging directories are gone.
        """
        models = self._models
        if models is None:
            return None
        card = keep_trying(lambda: models.give_up(self._job_id, self._id), self._lease, self._context)
        return None if card is None else job_result(card, self._id)

    @property
    def _id(self) -> str:
        return f"{self._name}@{self._version}"

    @property
    def _target(self) -> Path:
        return version_folder(self._root, self._name, self._version)

    def _publish(self, staged: Path) -> JsonObject:
        if self._models is None:
            published_models.publish(staged, self._root, self._name, self._version, self._job_id)
            return self._result(self._target)
        if self._is_taken_here():
            raise CheckpointExists(f"{self._id} is another model here")
        result, self._is_begun = self._result(staged), True
        self._push(self._models, staged)
        try:
            published_models.publish(staged, self._root, self._name, self._version, self._job_id)
        except OSError as error:  # other machines have it; this one fetches it as they do
            logger.warning("%s is in the object store, and not published here: %s", self._id, error)
        return result

    def _is_taken_here(self) -> bool:
        """Return whether another model has this version here, which the store may not have yet."""
        is_ours = published_models.is_published(self._root, self._name, self._version, self._job_id)
        return self._target.exists() and not is_ours

    def _push(self, models: SharedModels, staged: Path) -> None:
        keep_trying(lambda: models.push(staged, self._id), self._lease, self._context)

    def _renumber(self) -> None:
        newest = published_models.newest_version(self._root, self._name)
        leases, lease = self._context.leases, self._lease
        self._version = retry_while_unavailable(lambda: leases.renumber(lease, newest), self._context.stop)
        self._is_begun = False

    def _result(self, folder: Path) -> JsonObject:
        return job_result(Card.read(folder / CARD_FILE), self._id)
