"""A stage of NeMo Curator's pipelines that keeps documents by their figures: `NextwordStage`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nemo_curator.backends.base import WorkerMetadata
from nemo_curator.stages.base import ProcessingStage
from nemo_curator.tasks import DocumentBatch

from nextword.filters.text_filter import TextFilter


@dataclass
class NextwordStage(ProcessingStage[DocumentBatch, DocumentBatch]):
    """Stage that scores the documents of a batch together, and drops those that a rule does not keep.

    Scores become fields of the documents. A document that cannot be scored is dropped; of a filter without a rule it is
    kept, with an `error`.
    """

    text_filter: TextFilter
    text_field: str = "text"
    name: str = "nextword"

    def inputs(self) -> tuple[list[str], list[str]]:
        """Return what the stage reads."""
        return ["data"], [self.text_field]

    def outputs(self) -> tuple[list[str], list[str]]:
        """Return what the stage leaves."""
        return ["data"], [self.text_field]

    def ray_stage_spec(self) -> dict[str, Any]:
        """Have actors do it, which load the models once."""
        return {"is_actor_stage": True}

    def setup(self, _: WorkerMetadata | None = None) -> None:
        """Load the models."""
        self._names = self.text_filter.score_names

    def process(self, batch: DocumentBatch) -> DocumentBatch:
        """Return the documents of a batch that are kept, with their scores."""
        documents = batch.to_pandas()
        judged = self.text_filter.judge_some(documents[self.text_field].tolist())
        documents = documents.assign(**{name: [text.scores.get(name) for text in judged] for name in self._names})
        return DocumentBatch(
            dataset_name=batch.dataset_name,
            data=documents[[text.is_kept for text in judged]],
            _metadata=batch._metadata,
            _stage_perf=batch._stage_perf,
        )
