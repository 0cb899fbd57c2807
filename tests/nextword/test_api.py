"""The promised names are there, are what types say, and cost nothing before they are used."""

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import nextword

TEXTS = ["the cat sat", "sat cat the"]
LINES = "the cat sat on the mat\nthe dog sat on the cat\n" * 30


def test_api_names_are_those_that_type_checkers_see():
    tree = ast.parse(Path(nextword.__file__).read_text(encoding="utf-8"))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module]
    told = {alias.asname: node.module for node in imports for alias in node.names if alias.asname}
    assert told == nextword._HOMES
    assert sorted(told) == dir(nextword)


@pytest.mark.parametrize("name", nextword._HOMES)
def test_api_name_is_the_one_of_its_home(name):
    assert getattr(nextword, name) is getattr(import_module(nextword._HOMES[name]), name)


def test_api_refuses_a_name_that_it_lacks():
    with pytest.raises(AttributeError, match="no attribute 'train'"):
        _ = nextword.train


def test_api_import_loads_neither_torch_nor_numba():
    code = "import nextword, sys; print([name for name in ('torch', 'numba', 'numpy') if name in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


def test_api_trains_publishes_scores_and_generates(tmp_path):
    text = tmp_path / "text.txt"
    text.write_text(LINES, encoding="utf-8")
    built = nextword.run_to_completion(nextword.build(nextword.Recipe("tiny", (text,), nextword.NgramConfig(order=2))))
    nextword.save(tmp_path / "models", "tiny", built.model, built.tokenizer, built.provenance("a test"))
    checkpoint = nextword.load(nextword.resolve(tmp_path / "models", "tiny").path)
    model, tokenizer = checkpoint.model, checkpoint.tokenizer
    likely, unlikely = nextword.run_to_completion(
        nextword.score_texts(model, tokenizer, ["the cat sat", "sat cat the"])
    )
    assert likely.logprob > unlikely.logprob
    params = nextword.SamplingParams(max_tokens=4, temperature=0.0)
    sequences = nextword.make_sequences(tokenizer, "the", params)
    assert "".join(output.text for output in nextword.generate(model, sequences)).split()[0] in ("cat", "mat", "dog")
