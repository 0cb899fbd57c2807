"""Names of models, which are read in one way."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.checkpoint.model_name import parse_model, parse_version
from models.checkpoint.repository import resolve
from models.errors import CheckpointNotFound, InvalidInput

ODD = ["a@", "a@0", "a@01", "a@1.", "a@1 ", " a@1", "a@+1", "a@-1", "a@１", "a@١", "a@1@1", "A@1", "a@1\n", "@1", ""]  # noqa: RUF001


def test_parse_model_reads_a_name_and_its_version() -> None:
    assert parse_model("gutenberg-kn") == ("gutenberg-kn", None)
    assert parse_model("gutenberg-kn@12") == parse_version("gutenberg-kn@12") == ("gutenberg-kn", 12)
    with pytest.raises(InvalidInput, match="name one version"):
        parse_version("gutenberg-kn")


@pytest.mark.parametrize("model", [*ODD, "a@" + "1" * 5000, "a" * 65])
def test_parse_model_refuses_all_other_spellings(model: str, tmp_path: Path) -> None:
    for read in (parse_model, parse_version):
        with pytest.raises(InvalidInput) as caught:
            read(model)
        assert len(str(caught.value)) < 250
    with pytest.raises(CheckpointNotFound):
        resolve(tmp_path, model)


@given(st.text(st.characters(codec="utf-8"), max_size=12))
def test_parse_model_accepts_only_what_it_would_write(text: str) -> None:
    try:
        name, version = parse_model(text)
    except InvalidInput:
        return
    assert text == (name if version is None else f"{name}@{version}")
