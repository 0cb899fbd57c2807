"""Jobs of reversed language models become the recipes that the command line makes."""

from __future__ import annotations

from pathlib import Path

from app.schemas.jobs.training_jobs import NgramJob, RecurrentJob


def test_training_job_says_whether_the_text_is_reversed() -> None:
    for job in (NgramJob, RecurrentJob):
        kind = "ngram" if job is NgramJob else "lstm"
        fields = {"kind": kind, "name": "back", "training_file": "file-0"}
        assert not job(**fields).recipe(Path("a.txt"), None).reversed
        assert job(**fields, reversed=True).recipe(Path("a.txt"), None).reversed
