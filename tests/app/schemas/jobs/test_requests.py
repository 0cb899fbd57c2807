"""Jobs of pairs become the recipes that the command line makes."""

from __future__ import annotations

import pytest

from app.schemas.jobs.requests import CompositionJob
from models.errors import InvalidInput
from models.tasks.fill_in.config import LanguageModelPairConfig


def test_composition_job_of_a_pair_has_its_prior_and_two_members() -> None:
    fields = {"kind": "language_model_pair", "name": "pair", "config": {"prior_weight": 0.5}}
    composition = CompositionJob(members=["a@1", "b@2"], **fields).composition(None)
    assert composition.model == LanguageModelPairConfig(0.5)
    assert composition.members == ("a@1", "b@2")
    with pytest.raises(InvalidInput, match="must be 2, not 1"):
        CompositionJob(members=["a@1"], **fields).composition(None)
    fields["config"] = {"weights": [0.5, 0.5]}
    with pytest.raises(InvalidInput, match=r"config\.weights"):
        CompositionJob(members=["a@1", "b@2"], **fields).composition(None)
