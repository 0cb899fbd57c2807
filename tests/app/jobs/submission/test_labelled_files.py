"""Check of labelled files at submission: the first fault of a small file, and none of a large one."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.jobs.submission.labelled_files import SMALL_BYTES, SMALL_STORY_BYTES, check_if_small
from app.storage.database import Database
from app.storage.files.file_store import FileStore
from models.data.labelled.config import LabelledFormat, QuestionFormat
from models.errors import InvalidInput
from models.recipes.task_kinds import FileFormat


@pytest.fixture
def files(database: Database, tmp_path: Path) -> FileStore:
    return FileStore(database, tmp_path / "files", 4 * SMALL_BYTES)


def put(files: FileStore, content: str, name: str = "films.csv") -> str:
    with files.begin_upload() as upload:
        upload.write(content.encode())
        return files.store_upload(upload, name, "training").id


def test_check_if_small_names_field_file_and_line(files: FileStore) -> None:
    good, bad = put(files, "text,label\na,b\n"), put(files, "text,label\na,b\nc\n", "more.csv")
    check_if_small(files, "training_file", [good, good], LabelledFormat())
    with pytest.raises(InvalidInput) as caught:
        check_if_small(files, "training_file", [good, bad], LabelledFormat())
    assert caught.value.field == "training_file"
    assert str(caught.value).startswith("training_file: more.csv, line 3: ")
    with pytest.raises(InvalidInput, match=r"format: must be given for films\.txt"):
        check_if_small(files, "validation_file", [put(files, "a", "films.txt")], LabelledFormat())


@pytest.mark.parametrize(
    ("fmt", "limit"), [(LabelledFormat("csv"), SMALL_BYTES), (QuestionFormat("babi"), SMALL_STORY_BYTES)]
)
def test_check_if_small_leaves_large_files_to_the_job(files: FileStore, fmt: FileFormat, limit: int) -> None:
    with pytest.raises(InvalidInput, match=r"training_file: films\.txt, line 1"):
        check_if_small(files, "training_file", [put(files, "x" * limit, "films.txt")], fmt)
    check_if_small(files, "training_file", [put(files, "x" * (limit + 1), "films.txt")], fmt)
