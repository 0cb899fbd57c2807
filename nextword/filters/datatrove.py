"""A filter of datatrove's pipelines that keeps documents by their figures: `NextwordFilter`."""

from __future__ import annotations

from typing import Any, ClassVar

from datatrove.data import Document
from datatrove.pipeline.filters.base_filter import BaseFilter
from datatrove.pipeline.writers.disk_base import DiskWriter

from nextword.filters.text_filter import TextFilter

BATCH_DOCUMENTS = 256
"""Documents that are scored together: enough to be quick, few enough for the memory of a worker."""


class NextwordFilter(BaseFilter):
    """Pipeline step that scores documents and drops those that a rule does not keep.

    Scores become metadata of the documents.

    Documents that cannot be scored are dropped with the reason `error`, others with the name of the rule; statistics
    and an `exclusion_writer` count and write them by that.
    """

    name: ClassVar[str] = "Nextword"

    def __init__(
        self,
        text_filter: TextFilter,
        exclusion_writer: DiskWriter | None = None,
        batch_size: int = BATCH_DOCUMENTS,
    ) -> None:
        """Judge documents by `text_filter`, `batch_size` of them together."""
        super().__init__(exclusion_writer, batch_size)
        self.text_filter = text_filter

    def filter(self, doc: Document) -> Any:
        """Return whether a document is kept, or false with the reason."""
        return self.filter_batch([doc])[0]

    def filter_batch(self, batch: list[Document]) -> list[Any]:
        """Return for each document whether it is kept, or false with the reason."""
        judged = self.text_filter.judge([doc.text for doc in batch])
        for doc, text in zip(batch, judged, strict=True):
            doc.metadata.update(text.scores)
        return [True if text.is_kept else (False, text.reason) for text in judged]
