"""N-best lists from files: what is read, and the first line that is wrong."""

import json
from pathlib import Path

import pytest

from models.data.labelled.nbest import NbestHypothesis, NbestList, read_nbest
from models.errors import InvalidText


def test_read_nbest_reads_an_object_a_line(tmp_path: Path) -> None:
    rows = [
        {"reference": "a b", "hypotheses": [{"text": "a", "score": -1, "am": 3}, {"text": ""}], "id": "utterance-1"},
        {"reference": "", "hypotheses": [{"text": "\ufeffb\r\n", "score": 2.5}], "context": "a"},
    ]
    file = tmp_path / "lists.jsonl"
    file.write_text("\n\n".join(map(json.dumps, rows)))
    first, second = read_nbest(file)
    assert first == NbestList("a b", (NbestHypothesis("a", -1.0), NbestHypothesis("", 0.0)), "", 1)
    assert second == NbestList("", (NbestHypothesis("b\n", 2.5),), "a", 3)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "at least one"),
        ("{", "line 1: must be JSON"),
        ("[]", "line 1: must be an object"),
        ('{"reference": "a", "hypotheses": []}', "'hypotheses', a list of at least one"),
        ('{"hypotheses": [{"text": "a"}]}', "reference must be a text, not None"),
        ('{"reference": "a", "hypotheses": ["a"]}', "hypotheses.0 must be an object"),
        ('{"reference": "a", "hypotheses": [{"text": "a", "score": NaN}]}', "hypotheses.0.score must be a number"),
        ('{"reference": "a", "hypotheses": [{"text": "a", "score": true}]}', "hypotheses.0.score must be a number"),
        ('{"reference": "a", "hypotheses": [{"text": "a", "score": -1e13}]}', "hypotheses.0.score must be a number"),
        (f'{{"reference": "a", "hypotheses": [{{"text": "a", "score": 1{"0" * 400}}}]}}', "of at most 1e+12, not 1000"),
        ('{"reference": "a", "hypotheses": [{"text": 1}]}', "hypotheses.0.text must be a text"),
        ('{"reference": "a", "hypotheses": [{"text": "\\ud800"}]}', "surrogate"),
        ('{"reference": "a", "hypotheses": [{"text": "a"}], "context": 1}', "context must be a text"),
    ],
)
def test_read_nbest_names_what_is_wrong(tmp_path: Path, content: str, message: str) -> None:
    file = tmp_path / "lists.jsonl"
    file.write_text(content)
    with pytest.raises(InvalidText) as refused:
        read_nbest(file)
    assert message in str(refused.value)
