"""Scoring of a dataset on a Ray cluster, as a program: ADDRESS RECORDS CHECKPOINTS MODEL.

Needs a Python that has Ray Data. Reads numbers of actors from its input, and prints for each how many tokens a second
they score, from the first batch that comes back to the last: without the start of actors and the loading of the model.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import ray

from nextword.filters.ray import filter_dataset
from nextword.filters.text_filter import TextFilter

BATCH_RECORDS = 4096


def tokens_per_second(records: Path, text_filter: TextFilter, actors: int) -> float:
    """Score the records, and return the tokens a second."""
    scored = filter_dataset(ray.data.read_json(str(records)), text_filter, actors=actors, batch_size=BATCH_RECORDS)
    began, tokens = 0.0, 0
    for batch in scored.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0):
        if not began:
            began = time.perf_counter()
            continue
        tokens += sum(scores["token_count"] or 0 for scores in batch["scores"].to_pylist())
    return tokens / (time.perf_counter() - began)


def main() -> None:
    """Answer each line with a figure."""
    address, records, checkpoints, model = sys.argv[1:]
    ray.init(address, log_to_driver=False)
    ray.data.DataContext.get_current().enable_progress_bars = False
    text_filter = TextFilter(model, checkpoints=checkpoints)
    for line in sys.stdin:
        print(tokens_per_second(Path(records), text_filter, int(line)), flush=True)


if __name__ == "__main__":
    main()
