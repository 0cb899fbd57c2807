"""Filter of Ray Data's datasets that keeps records by their figures: `filter_dataset`.

Actors of the cluster load the models once each, which on one machine share their memory, and judge batch after batch.
"""

from __future__ import annotations

import pyarrow as pa
from ray.data import ActorPoolStrategy, Dataset

from models.errors import InvalidInput
from models.threads import set_thread_count
from nextword.filters.text_filter import JudgedText, TextFilter

BATCH_RECORDS = 1024
"""Records that are judged together: enough to be quick, few enough for the memory of a process."""
SCORES = "scores"
"""Column that records get; one of this name that they have is replaced."""
_TYPES = {
    **dict.fromkeys(("token_count", "oov_count"), pa.int64()),
    **dict.fromkeys(("label", "bucket", "error"), pa.string()),
}
"""Types of scores that are not numbers with a fraction."""


def filter_dataset(
    dataset: Dataset,
    text_filter: TextFilter,
    text_column: str = "text",
    actors: int = 1,
    batch_size: int = BATCH_RECORDS,
) -> Dataset:
    """Return the records that the filter keeps, with their `scores`; without a rule, all of them.

    So many `actors` of one processor each do it, once the dataset is read. A record whose text is missing or cannot be
    scored has an `error` among its scores where there is no rule, and is dropped where there is one.
    """
    return dataset.map_batches(
        _Judge,
        fn_constructor_args=(text_filter, text_column),
        compute=ActorPoolStrategy(size=actors),
        num_cpus=1,
        batch_size=batch_size,
        batch_format="pyarrow",
    )


class _Judge:
    """Filter of batches in one process."""

    def __init__(self, text_filter: TextFilter, text_column: str) -> None:
        set_thread_count(1)
        self._filter, self._column = text_filter, text_column
        names = text_filter.score_names
        self._type = pa.struct([pa.field(name, _TYPES.get(name, pa.float64())) for name in names])

    def __call__(self, batch: pa.Table) -> pa.Table:
        """Return the records of a batch that are kept."""
        if self._column not in batch.column_names:
            raise InvalidInput("text_column", f"must be a column of the records: {', '.join(batch.column_names)}")
        judged = self._filter.judge_some(batch[self._column].to_pylist())
        kept = pa.array([text.is_kept for text in judged], pa.bool_())
        return _with_scores(batch, judged, self._type).filter(kept)


def _with_scores(batch: pa.Table, judged: list[JudgedText], kind: pa.DataType) -> pa.Table:
    """Return a table with the scores as its last column."""
    rest = batch.drop_columns([SCORES]) if SCORES in batch.column_names else batch
    return rest.append_column(SCORES, pa.array([text.scores for text in judged], kind))
