"""Checkpoints and exported tokenizers are read by `tokenizers`, `transformers` and `safetensors`.

`transformers` is asked in this environment, or in that of the Python that NEXTWORD_TRANSFORMERS_PYTHON names.
"""

import json
import subprocess
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file
from tokenizers import Tokenizer as HuggingFaceTokenizer

from models.checkpoint.load import load
from models.checkpoint.transformers_folder import write_transformers_folder
from models.errors import InvalidInput
from models.tokenization.config import TokenizerConfig
from models.tokenization.foreign.sentence_piece import SentencePieceModel
from models.tokenization.tokenizer import Tokenizer
from tests.helpers.command_line import python_with
from tests.helpers.tokenizers import hugging_face_file, sentence_piece_file

ROOT = Path(__file__).parents[3]
NEEDED = "transformers", "NEXTWORD_TRANSFORMERS_PYTHON"
"""What other programs are asked with, and the variable that names a Python which has it."""
SHIPPED = ["gutenberg-kn", "gutenberg-lstm", "shakespeare-char", "sentiment", "part-of-speech"]
PAGES = [path.read_text(encoding="utf-8") for path in sorted((ROOT / "docs" / "explanation").glob("*.md"))]
OWN = {
    "word": TokenizerConfig(),
    "changed words": TokenizerConfig(lowercase=True, normalize=("accents", "punctuation")),
    "tokenized words": TokenizerConfig(pretokenized=True, control_tokens=True),
    "character": TokenizerConfig(kind="character"),
    "lines": TokenizerConfig(kind="character", texts="lines"),
    "paragraphs": TokenizerConfig(kind="character", texts="paragraphs"),
    "bpe": TokenizerConfig(kind="bpe", max_size=600),
    "unigram": TokenizerConfig(kind="unigram", max_size=600),
    "lower-case unigram": TokenizerConfig(kind="unigram", max_size=600, lowercase=True),
}
FOREIGN = {
    "gpt2": ("<|endoftext|>", hugging_face_file),
    "bert": ("[SEP]", hugging_face_file),
    "llama": ("</s>", hugging_face_file),
    "unigram": ("</s>", sentence_piece_file),
}
PROGRAM = """
import json, sys
from transformers import AutoTokenizer, PreTrainedTokenizerFast
folder, texts = json.loads(sys.stdin.read())
answers = []
for family in (AutoTokenizer, PreTrainedTokenizerFast):
    tokenizer = family.from_pretrained(folder)
    rows = tokenizer(texts, add_special_tokens=False).input_ids
    special = [tokenizer.unk_token, tokenizer.bos_token, tokenizer.eos_token]
    answers.append([tokenizer.is_fast, rows, special, tokenizer.eos_token_id, tokenizer.decode(rows[-1])])
print(json.dumps(answers))
"""


@cache
def own(name: str) -> Tokenizer:
    return Tokenizer.train(OWN[name], PAGES[:4])


@pytest.fixture(params=FOREIGN)
def foreign(request: pytest.FixtureRequest, tmp_path: Path) -> Tokenizer:
    boundary, write = FOREIGN[request.param]
    file = write(tmp_path / "file", request.param)
    return Tokenizer.train(TokenizerConfig(kind="file", file=str(file), boundary=boundary), [])


def public_ids(tokenizer: Tokenizer, text: str) -> list[int]:
    ids = tokenizer.encode(text).ids
    return ids.tolist() if tokenizer.public_ids is None else tokenizer.public_ids[ids].tolist()


def assert_same(ids: list[int], tokenizer: Tokenizer, text: str) -> None:
    """The ids are ours; of unigrams, two neighbours may change places where that is as probable."""
    expected = public_ids(tokenizer, text)
    if ids != expected:
        assert isinstance(tokenizer._model, SentencePieceModel)
        assert sorted(ids) == sorted(expected)
        assert sum(i != j for i, j in zip(ids, expected, strict=True)) <= 4


def ask_transformers(folder: Path, texts: list[str]) -> list[list]:
    question = json.dumps([str(folder), texts])
    command = [python_with(*NEEDED), "-c", PROGRAM]
    run = subprocess.run(command, input=question, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr[-3000:]
    return json.loads(run.stdout.splitlines()[-1])


@pytest.mark.parametrize("name", SHIPPED)
def test_checkpoint_folder_is_read_by_tokenizers(name: str) -> None:
    file = ROOT / "checkpoints" / name / "1" / "tokenizer.json"
    tokenizer, plain = Tokenizer.load(file), HuggingFaceTokenizer.from_file(str(file))
    for page in PAGES:
        assert plain.encode(page, add_special_tokens=False).ids == tokenizer.encode(page).ids.tolist()


@pytest.mark.parametrize("name", OWN)
def test_checkpoint_tokenizer_of_every_kind_is_read_by_tokenizers(name: str, tmp_path: Path) -> None:
    tokenizer = own(name)
    tokenizer.save(tmp_path / "tokenizer.json")
    write_transformers_folder(tokenizer, tmp_path / "folder")
    for file in (tmp_path / "tokenizer.json", tmp_path / "folder" / "tokenizer.json"):
        plain = HuggingFaceTokenizer.from_file(str(file))
        texts = [*PAGES, "<unk> </s> <s> caf\u00e9  \u4e2d\u6587\t\n\nthe end"]
        for text, encoding in zip(texts, plain.encode_batch(texts, add_special_tokens=False), strict=True):
            assert_same(encoding.ids, tokenizer, text)


@pytest.mark.parametrize("name", SHIPPED)
def test_checkpoint_weights_open_in_safetensors(name: str) -> None:
    folder = ROOT / "checkpoints" / name / "1"
    tensors, model = load_file(folder / "weights.safetensors"), load(folder).model
    assert sorted(tensors) == sorted(model.tensors())
    assert all(np.array_equal(tensors[name], tensor) for name, tensor in model.tensors().items())


@pytest.mark.clients
@pytest.mark.parametrize("name", SHIPPED)
def test_checkpoint_folder_is_a_fast_tokenizer_of_transformers(name: str) -> None:
    folder = ROOT / "checkpoints" / name / "1"
    tokenizer = Tokenizer.load(folder / "tokenizer.json")
    for is_fast, rows, *_ in ask_transformers(folder, PAGES):
        assert is_fast
        assert rows == [tokenizer.encode(page).ids.tolist() for page in PAGES]


@pytest.mark.clients
@pytest.mark.parametrize("name", OWN)
def test_transformers_folder_is_a_fast_tokenizer(name: str, tmp_path: Path) -> None:
    tokenizer = own(name)
    write_transformers_folder(tokenizer, tmp_path)
    texts = [*PAGES, "<unk> <s>\nthe end", "The model reads the text."]
    for is_fast, rows, (unknown, *boundaries), eos, decoded in ask_transformers(tmp_path, texts):
        assert is_fast
        for row, text in zip(rows, texts, strict=True):
            assert_same(row, tokenizer, text)
        assert unknown == (None if name in ("bpe", "unigram", "lower-case unigram") else "<unk>")
        assert boundaries == [{"character": "</s>", "paragraphs": "\n\n"}.get(name, "\n")] * 2
        assert eos == 1
        assert decoded.lower() == (
            "the model reads the <unk>" if name == "tokenized words" else "the model reads the text."
        )


@pytest.mark.clients
def test_transformers_folder_of_a_foreign_tokenizer_has_its_ids(foreign: Tokenizer, tmp_path: Path) -> None:
    write_transformers_folder(foreign, tmp_path / "folder")
    texts = [line for page in PAGES[:3] for line in page.split("\n")]
    special = foreign.special_names()
    for is_fast, rows, names, eos, _ in ask_transformers(tmp_path / "folder", texts):
        assert is_fast
        for row, text in zip(rows, texts, strict=True):
            assert_same(row, foreign, text)
        assert names == [special.unknown, special.boundary, special.boundary]
        assert eos == public_ids(foreign, "\n")[0]


def test_transformers_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidInput, match=r"folder: .*file/inner cannot be written"):
        write_transformers_folder(own("word"), tmp_path / "file" / "inner")


@pytest.mark.clients
def test_checkpoint_page_reads_a_folder_with_other_programs() -> None:
    page = (ROOT / "docs" / "reference" / "checkpoint-format.md").read_text(encoding="utf-8")
    code = page.partition("```python\n")[2].partition("```")[0]
    checks = "assert fast('It was a dark night.').input_ids == ids and weights"
    command = [python_with(*NEEDED), "-c", code + checks]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr[-3000:]
