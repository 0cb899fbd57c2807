"""Examples of the page on decoding, run as written with the shipped models."""

import re

import numpy as np
import pytest

from tests.nextword.decoders.conftest import ROOT, run_elsewhere

PAGE = (ROOT / "docs" / "how-to" / "decode-speech.md").read_text(encoding="utf-8")
TORCHAUDIO, PYCTCDECODE, OWN = re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
LEXICON = "the t h e |\ndog d o g |\n"
LABELS = [*"-|thedog"]
PROGRAM = """
import contextlib, io, json, os, sys
code, folder, checkpoints, labels, logits = map(json.loads, sys.argv[1:])
os.chdir(folder)
os.environ["NEXTWORD_CHECKPOINTS"] = checkpoints
names = {"labels": ["", *labels]}
try:
    import torch
    names["emission"] = torch.tensor([logits])
except ImportError:
    import numpy
    names["logits"] = numpy.array(logits)
with contextlib.redirect_stdout(io.StringIO()) as output:
    exec(code, names)
print(json.dumps(output.getvalue()))
"""


def spoken(letters: str, labels: list[str]) -> list[list[float]]:
    """Frames that say the letters, one after the other, with a blank between two that are equal."""
    rows = np.log(np.full((len(letters), len(labels)), 1e-6))
    rows[np.arange(len(letters)), [labels.index(letter) for letter in letters]] = np.log(0.99)
    return rows.tolist()


@pytest.mark.clients
def test_page_decodes_with_torchaudio(tmp_path):
    (tmp_path / "lexicon.txt").write_text(LEXICON)
    (tmp_path / "tokens.txt").write_text("".join(f"{label}\n" for label in dict.fromkeys(LABELS)))
    labels = list(dict.fromkeys(LABELS))
    arguments = [TORCHAUDIO, str(tmp_path), str(ROOT / "checkpoints"), labels, spoken("the|dog|", labels)]
    output = run_elsewhere("NEXTWORD_FLASHLIGHT_PYTHON", "torchaudio, flashlight", PROGRAM, *arguments)
    assert output.startswith("['the', 'dog'] -")


@pytest.mark.clients
def test_page_decodes_with_pyctcdecode(tmp_path):
    labels = [*dict.fromkeys(" thedog")]
    rows = spoken("the dog", ["-", *labels])
    arguments = [PYCTCDECODE, str(tmp_path), str(ROOT / "checkpoints"), labels, rows]
    assert run_elsewhere("NEXTWORD_PYCTCDECODE_PYTHON", "pyctcdecode", PROGRAM, *arguments) == "the dog\n"


def test_page_searches_on_its_own(monkeypatch, capsys):
    monkeypatch.setenv("NEXTWORD_CHECKPOINTS", str(ROOT / "checkpoints"))
    names: dict[str, object] = {}
    exec(OWN, names)
    assert capsys.readouterr().out == "a dark knight -1.53\nthe brave knight -3.72\n"
    assert names["states"].shape[0] == 2
