"""`nextword export`, `import` and `convert` on files."""

import gzip
import json
import math
from pathlib import Path

import kenlm
import pytest

from tests.helpers.command_line import Run

TEXT = b"the cat sat\na dog\n"


def scored(nextword: Run, root: Path, model: str) -> list[float]:
    run = nextword("score", model, "--json", stdin=TEXT, root=root)
    assert run.status == 0, run.err
    return [json.loads(line)["logprob"] for line in run.out.splitlines()]


@pytest.mark.parametrize("name", ["words.arpa", "words.arpa.gz"])
def test_export_and_import_round_trip(nextword: Run, published: Path, tmp_path: Path, name: str) -> None:
    file, root = tmp_path / name, tmp_path / "checkpoints"
    assert nextword("export", "words", file, root=published).status == 0
    assert list(tmp_path.iterdir()) == [file]
    text = (gzip.decompress(file.read_bytes()) if name.endswith(".gz") else file.read_bytes()).decode()
    assert text.startswith("\\data\\\n")
    made = nextword("import", file, "--name", "back", "--untokenized", root=root)
    assert made.status == 0, made.err
    assert scored(nextword, root, "back") == pytest.approx(scored(nextword, published, "words"), abs=1e-5)
    plain = tmp_path / "plain.arpa"
    plain.write_text(text)
    peer = kenlm.Model(str(plain))
    theirs = [peer.score(line) * math.log(10) for line in TEXT.decode().splitlines()]
    assert scored(nextword, root, "back") == pytest.approx(theirs, abs=1e-4 * math.log(10) * 4)


def test_convert_publishes_fewer_bits(nextword: Run, published: Path, tmp_path: Path) -> None:
    file, root = tmp_path / "words.arpa", tmp_path / "checkpoints"
    nextword("export", "words", file, root=published)
    nextword("import", file, "--name", "words", "--untokenized", root=root)
    made = nextword("convert", "words", "--bits", "8", "--name", "small", root=root)
    assert made.status == 0, made.err
    card = json.loads((root / "small" / "1" / "card.json").read_text())
    assert card["config"]["bits"] == 8
    assert card["config"]["estimation"]["quantised"]["sums_within"] <= 1e-3
    assert scored(nextword, root, "small") == pytest.approx(scored(nextword, root, "words"), rel=0.02)


def test_arpa_commands_name_the_fault(nextword: Run, published: Path, tmp_path: Path) -> None:
    run = nextword("export", "lstm", tmp_path / "x.arpa", root=published)
    assert (run.status, list(tmp_path.iterdir())) == (2, [])
    assert "n-gram" in run.err
    run = nextword("import", tmp_path / "none.arpa", "--name", "x", root=tmp_path)
    assert run.status == 2
    assert "cannot be opened" in run.err
    damaged = tmp_path / "damaged.arpa.gz"
    damaged.write_bytes(gzip.compress(b"\\data\\\nngram 1=2\n\n\\1-grams:\n-1 </s>\n" * 99)[:-20])
    run = nextword("import", damaged, "--name", "x", root=tmp_path)
    assert run.status == 2
    assert "line " in run.err
    assert not (tmp_path / "x").exists()
    run = nextword("convert", "words", "--bits", "3", "--name", "y", root=published)
    assert (run.status, "bits" in run.err) == (2, True)
