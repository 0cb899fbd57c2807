"""`nextword export`, `import` and `convert` on files."""

import bz2
import gzip
import json
import lzma
import math
import os
from pathlib import Path

import kenlm
import numpy as np
import onnxruntime
import pytest
from tokenizers import Tokenizer as HuggingFaceTokenizer

from models.checkpoint.load import load
from tests.helpers.command_line import Run
from tests.helpers.texts import KENLM_PROBING, unpacked

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


def test_export_leaves_a_device_and_a_pipe_what_they_are(nextword: Run, published: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    run = nextword("export", "words", tmp_path / "pipe", root=published)
    assert (run.status, (tmp_path / "pipe").is_fifo()) == (2, True)
    assert "file: must be a file, and " in run.err


def test_export_writes_what_a_link_points_to(nextword: Run, published: Path, tmp_path: Path) -> None:
    (tmp_path / "link.arpa").symlink_to(tmp_path / "words.arpa")
    assert nextword("export", "words", tmp_path / "link.arpa", root=published).status == 0
    assert (tmp_path / "link.arpa").is_symlink()
    assert (tmp_path / "words.arpa").read_text().startswith("\\data\\\n")


def test_export_names_the_file_that_cannot_be_written(nextword: Run, published: Path, tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    run = nextword("export", "words", tmp_path / "plain" / "words.arpa", root=published)
    assert (run.status, f"{tmp_path / 'plain' / 'words.arpa'} cannot be opened or written" in run.err) == (2, True)


@pytest.mark.parametrize("name", ["lm.onnx", "lm.onnx.gz"])
def test_export_writes_a_recurrent_model_as_onnx(nextword: Run, published: Path, tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    assert nextword("export", "lstm", file, "--format", "onnx", root=published).status == 0
    content = gzip.decompress(file.read_bytes()) if name.endswith(".gz") else file.read_bytes()
    checkpoint = load(published / "lstm" / "1")
    state, ids = np.zeros((2, 1, 16), np.float32), checkpoint.tokenizer.encode("the cat").ids.astype(np.int64)
    inputs = {"x": np.array([[1, *ids.tolist()]]), "h0": state, "c0": state}
    logprobs, *_ = onnxruntime.InferenceSession(content).run(None, inputs)
    model = checkpoint.language_model
    expected = model.logprobs(model.advance(model.begin_state(1), ids[None]))
    assert logprobs == pytest.approx(expected, abs=1e-5)
    refused = nextword("export", "words", tmp_path / "x.onnx", "--format", "onnx", root=published)
    assert (refused.status, "recurrent models" in refused.err) == (2, True)


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


FOX = b"""\\data\\
ngram 1=6
ngram 2=6

\\1-grams:
-1.000000 <unk>
-99 <s> -0.176091
-0.698970 </s>
-0.602060 red -0.273001
-0.602060 fox -0.477121
-0.698970 runs -0.425969

\\2-grams:
-0.301030 <s> red
-0.221849 red fox
-0.301030 fox runs
-0.154902 runs </s>
-0.522879 fox </s>
-0.4 </s> <s>

\\end\\
"""


def test_import_reads_any_compression_and_tells_what_it_left_out(nextword: Run, tmp_path: Path) -> None:
    for file, data in (("fox.gz", bz2.compress(FOX)), ("fox.arpa", lzma.compress(b"\xef\xbb\xbf" + FOX))):
        (tmp_path / file).write_bytes(data)
        run = nextword("import", tmp_path / file, "--name", "fox", "--quiet", "--json", root=tmp_path / "checkpoints")
        assert run.status == 0, run.err
        note = "1 n-grams with </s> or <s> inside were left out: no text leads there"
        assert run.err == f"note: {note}\n"
        assert json.loads(run.out)["metrics"] == {"notes": [note]}


def test_import_refuses_what_does_not_sum_to_one_unless_it_is_allowed(nextword: Run, tmp_path: Path) -> None:
    file, root = tmp_path / "fox.arpa", tmp_path / "checkpoints"
    file.write_bytes(FOX.replace(b"fox -0.477121", b"fox 0.477121"))
    run = nextword("import", file, "--name", "fox", "--quiet", root=root)
    # after "fox" 0.8 is listed, and 3 times the 0.6 of the other words
    assert (run.status, root.exists()) == (2, False)
    assert "after 'fox', where the sum is 2.6" in run.err
    run = nextword("import", file, "--name", "fox", "--quiet", "--allow-unnormalized", root=root)
    assert run.status == 0, run.err
    assert json.loads((root / "fox" / "1" / "card.json").read_text())["normalized"] is False
    run = nextword("generate", "fox", "--max-tokens", "3", root=root)
    assert run.status == 0
    assert "not all probabilities of fox@1 sum to one" in run.err


def test_import_serves_a_binary_of_kenlm_for_scoring_alone(nextword: Run, tmp_path: Path) -> None:
    file, root = unpacked(KENLM_PROBING, tmp_path / "fox.bin"), tmp_path / "checkpoints"
    run = nextword("import", file, "--name", "fox", root=root)
    assert run.status == 0, run.err
    assert "KenLM scores with its own file" in run.err
    run = nextword("score", "fox", "--json", stdin=b"red fox runs\n", root=root)
    # four listed bigrams: 0.5, 0.6, 0.5 and 0.7
    assert json.loads(run.out)["logprob"] == pytest.approx(math.log(0.5 * 0.6 * 0.5 * 0.7), abs=1e-4)
    for command in (("next", "fox"), ("generate", "fox"), ("export", "fox", tmp_path / "back.arpa")):
        run = nextword(*command, root=root)
        assert run.status == 2, run.out
        assert "model" in run.err
        assert "n-gram" in run.err or "only the probability of a given one" in run.err
    run = nextword("import", tmp_path / "fox.bin", "--name", "UPPER", root=root)
    assert (run.status, "name" in run.err) == (2, True)


def test_export_writes_words_and_an_automaton_of_bigrams(nextword: Run, tmp_path: Path) -> None:
    (tmp_path / "fox.arpa").write_bytes(FOX)
    root, file = tmp_path / "checkpoints", tmp_path / "out.txt"
    assert nextword("import", tmp_path / "fox.arpa", "--name", "fox", "--quiet", root=root).status == 0
    nextword("export", "fox", file, "--format", "unigrams", root=root)
    assert file.read_text() == "red\nfox\nruns\n"
    nextword("export", "fox", file, "--format", "symbols", root=root)
    assert file.read_text() == "<eps>\t0\n</s>\t1\nred\t2\nfox\t3\nruns\t4\n#0\t5\n<unk>\t6\n"
    nextword("export", "fox", file, "--format", "openfst", root=root)
    lines = [line.split("\t") for line in file.read_text().splitlines()]
    assert lines[0][:4] == ["1", "5", "5", "0"]
    assert float(lines[0][4]) == pytest.approx(0.176091 * math.log(10), abs=1e-5)
    assert ["1", "2", "2", "2"] in [line[:4] for line in lines]


def test_export_writes_a_tokenizer_as_a_folder_for_transformers(nextword: Run, published: Path, tmp_path: Path) -> None:
    folder = tmp_path / "tokenizer"
    assert nextword("export", "words", folder, "--format", "transformers", root=published).status == 0
    plain = HuggingFaceTokenizer.from_file(str(folder / "tokenizer.json"))
    ids = load(published / "words" / "1").tokenizer.encode("the cat sat\n").ids.tolist()
    assert plain.encode("the cat sat\n").ids == ids
    assert json.loads((folder / "tokenizer_config.json").read_text())["eos_token"] == "\n"
    refused = nextword("export", "words", folder, root=published)
    assert refused.status == 2
    assert "file: must be a file, and" in refused.err
