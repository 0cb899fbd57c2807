"""Files that are no text, as the programs that write them begin them."""

from __future__ import annotations

import io
import pickle
import tarfile
import zipfile

import numpy as np
import pytest

from models.utils.file_kinds import KENLM_MAGIC, file_kind


def array() -> bytes:
    file = io.BytesIO()
    np.save(file, np.zeros(3))
    return file.getvalue()


def archive() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as zipped:
        zipped.writestr("a.txt", "the cat")
    return file.getvalue()


def tar() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as packed:
        packed.addfile(tarfile.TarInfo("a.txt"))
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (array(), "an array in NumPy's format"),
        (archive(), "a zip archive"),
        (tar(), "a tar archive"),
        (pickle.dumps([1]), "a pickle of Python"),
        (b"%PDF-1.7\n", "a PDF document"),
        (KENLM_MAGIC + b" format version 5\n", "a binary of KenLM"),
    ],
)
def test_file_kind_names_files_of_other_programs(content: bytes, name: str) -> None:
    kind = file_kind(content[:300])
    assert kind is not None
    assert kind.name == name


@pytest.mark.parametrize("text", ["", "the cat", "caf\xe9", "\u20ac 5", "PK", "ustar " * 100])
@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "utf-16"])
def test_file_kind_takes_no_text_for_another_file(text: str, encoding: str) -> None:
    assert file_kind(text.encode(encoding)) is None
