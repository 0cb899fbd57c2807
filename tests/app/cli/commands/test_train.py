"""`nextword train`: options, recipe files and both, and the published model."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import shlex
import shutil
from pathlib import Path

import pytest

from models.checkpoint.load import load
from tests.helpers.command_line import Run
from tests.helpers.tokenizers import sentence_piece_file

LINES = "the cat sat .\nthe dog sat .\n" * 50


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "text.txt"
    path.write_text(LINES, encoding="utf-8")
    return path


def test_train_publishes_a_model_with_its_command(nextword: Run, text: Path, tmp_path: Path) -> None:
    root = tmp_path / "checkpoints"
    done = nextword("train", text, "--name", "cats", "--order", "2", "--licence", "mine", "--json", root=root)
    assert done.status == 0
    result = json.loads(done.out)
    assert result["model"] == "cats@1"
    card = load(root / "cats" / "1").card
    assert shlex.split(card.provenance.command)[:5] == ["nextword", "train", str(text), "--name", "cats"]
    assert card.provenance.licence == "mine"
    assert card.config["order"] == 2
    assert card.provenance.metrics == result["metrics"]
    assert "reading" in done.err
    assert nextword("train", text, "--name", "cats", "--quiet", root=root).out.startswith("published cats@2 ")


def test_train_options_win_over_the_file(nextword: Run, text: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(
        f'\ufeffname = "cats"\nfiles = ["{text}"]\nvalidation_fraction = 0.2\n'
        '[model]\nkind = "gru"\nlayers = 1\nhidden_size = 4\nembedding_size = 4\ntied = false\n'
        "[training]\nepochs = 1\nbatch_size = 2\n[tokenizer]\nlowercase = true\n"
    )
    root = tmp_path / "checkpoints"
    done = nextword("train", "--recipe", recipe, "--hidden-size", "6", "--tied", "--quiet", root=root)
    assert done.status == 0, done.err
    card = load(root / "cats" / "1").card
    assert (card.kind, card.config["hidden_size"], card.config["layers"], card.config["tied"]) == ("gru", 6, 1, True)
    assert card.tokenizer["lowercase"] is True
    assert card.provenance.recipe["training"]["epochs"] == 1


def test_train_takes_the_tokens_of_a_file(nextword: Run, text: Path, tmp_path: Path) -> None:
    root, model = tmp_path / "checkpoints", sentence_piece_file(tmp_path / "spm.model")
    flags = ["train", text, "--name", "pieces", "--quiet", "--tokenizer", model]
    refused = nextword(*flags, root=root)
    assert refused.status != 0
    assert "boundary: must name the token that stands between texts" in refused.err
    assert "candidates are <s>, </s>" in refused.err
    done = nextword(*flags, "--boundary", "</s>", root=root)
    assert done.status == 0, done.err
    assert load(root / "pieces" / "1").tokenizer.public_ids is not None
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(f'name = "pieces"\nfiles = ["{text}"]\n[tokenizer]\nfile = "{model}"\nboundary = "</s>"\n')
    assert nextword("train", "--recipe", recipe, "--quiet", root=root).out.startswith("published pieces@2 ")
    first, second = load(root / "pieces" / "1"), load(root / "pieces" / "2")
    assert first.tokenizer.is_equivalent_to(second.tokenizer)


@pytest.mark.parametrize("kind", ["ngram", "gru"])
def test_train_takes_a_kind_of_model_beside_the_tokens_of_a_file(
    nextword: Run, text: Path, tmp_path: Path, kind: str
) -> None:
    root, model = tmp_path / "checkpoints", sentence_piece_file(tmp_path / "spm.model")
    network = ["--hidden-size", "4", "--embedding-size", "4", "--epochs", "1"] if kind == "gru" else []
    flags = ["--name", "pieces", "--kind", kind, "--tokenizer", model, "--boundary", "</s>", "--quiet"]
    done = nextword("train", text, *flags, *network, root=root)
    assert done.status == 0, done.err
    assert load(root / "pieces" / "1").tokenizer.config.kind == "file"


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (
            ["--name", "x", "--tokenizer", "syllable"],
            "tokenizer: must be one of word, character, bpe, unigram, or a file",
        ),
        ([], "name: required (--name, or `name` in the recipe)"),
        (["--name", "x", "--order", "99"], "model.order: must be a whole number from 1 to 32"),
        (["--name", "x", "--layers", "2"], "model.layers: unknown"),
        (["--name", "x", "--prune", "a"], "not whole numbers"),
        (["--name", "x", "--recipe", "nowhere.toml"], "recipe: nowhere.toml cannot be read"),
    ],
)
def test_train_reports_a_mistake_in_one_line(nextword: Run, text: Path, flags: list[str], message: str) -> None:
    done = nextword("train", text, *flags)
    assert done.status == 2
    assert done.err.startswith("nextword: ")
    assert message in done.err
    assert done.err.count("\n") == 1


@pytest.mark.parametrize(
    ("variables", "file", "kind", "message"),
    [
        ({}, "text.txt", "ngram", "kind: must be a recurrent language model for 2 processes to train it together"),
        ({}, "-", "gru", "files: must be files: 2 processes cannot all read the standard input"),
        ({}, "text.txt", "gru", "RANK: must be set where WORLD_SIZE is 2"),
        ({"WORLD_SIZE": "some"}, "text.txt", "gru", "WORLD_SIZE: must be a number of processes, 1 or more, not 'some'"),
    ],
)
def test_train_by_several_processes_refuses_what_they_cannot_share(
    nextword: Run,
    text: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    file: str,
    kind: str,
    message: str,
) -> None:
    for name, value in ({"WORLD_SIZE": "2"} | variables).items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("RANK", raising=False)
    monkeypatch.chdir(text.parent)
    done = nextword("train", file, "--name", "x", "--kind", kind, root=tmp_path / "checkpoints")
    assert (done.status, done.err.count("\n")) == (2, 1)
    assert message in done.err


def test_train_names_a_file_that_is_not_toml(nextword: Run, tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text("name = ")
    assert "bad.toml is not TOML" in nextword("train", "--recipe", tmp_path / "bad.toml").err


TABLE = "label\ttext\n" + "".join(f"{'pos' if i % 2 else 'neg'}\tfilm {i % 2} of {i % 7}\n" for i in range(40))
SMALL = ["--embedding-size", "6", "--hidden-size", "4", "--epochs", "2", "--batch-size", "4"]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "films.tsv"
    path.write_text(TABLE)
    return path


def test_train_publishes_a_classifier_that_evaluate_measures(nextword: Run, table: Path, tmp_path: Path) -> None:
    root = tmp_path / "checkpoints"
    flags = ["--name", "moods", "--kind", "classifier", "--pooling", "mean", "--cell", "gru", *SMALL]
    done = nextword("train", table, *flags, "--validation-fraction", "0.2", "--quiet", root=root)
    assert done.status == 0, done.err
    published, held_out = done.out.splitlines()
    assert published.startswith("published moods@1 ")
    assert "accuracy" in held_out
    assert "macro-F1" in held_out
    assert held_out.endswith("on 8 held-out examples")
    card = load(root / "moods" / "1").card
    assert (card.kind, card.config["classifier"]["pooling"], card.config["encoder"]["cell"]) == (
        "classifier", "mean", "gru",
    )  # fmt: skip
    assert card.provenance.recipe["training"]["epochs"] == 2
    assert shlex.split(card.provenance.command)[:3] == ["nextword", "train", str(table)]
    measured = json.loads(nextword("evaluate", "moods", table, "--json", root=root).out)
    assert (measured["model"], measured["examples"]) == ("moods@1", 40)
    shown = nextword("evaluate", "moods@1", table, "--quiet", root=root).out
    assert "confusion (rows: true label" in shown
    assert "pos" in shown
    assert "accuracy" in nextword("models", root=root).out


def test_train_reads_the_recipe_of_a_task_and_options_win(nextword: Run, table: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(
        f'name = "moods"\nfiles = ["{table}"]\n[model]\nkind = "classifier"\n[encoder]\nembedding_size = 6\n'
        'hidden_size = 4\nlayers = 2\n[training]\nepochs = 1\n[format]\nformat = "tsv"\n'
    )
    root = tmp_path / "checkpoints"
    done = nextword("train", "--recipe", recipe, "--layers", "1", "--workdir", tmp_path / "state", root=root)
    assert done.status == 0, done.err
    assert load(root / "moods" / "1").card.config["encoder"]["layers"] == 1
    assert list((tmp_path / "state").iterdir())


def test_train_begins_with_a_published_model(nextword: Run, published: Path, table: Path, tmp_path: Path) -> None:
    shutil.copytree(published / "lstm", tmp_path / "checkpoints" / "lstm")
    flags = ["--kind", "classifier", "--initialize-from", "lstm", "--epochs", "1", "--hidden-size", "4"]
    root = tmp_path / "checkpoints"
    done = nextword("train", table, "--name", "moods", *flags, "--embedding-size", "12", root=root)
    assert done.status == 0, done.err
    assert load(root / "moods" / "1").card.provenance.recipe["initialize_from"] == "lstm@1"
    refused = nextword("train", table, "--name", "moods", *flags, root=root)
    assert "encoder.embedding_size: must be 12" in refused.err


def test_train_counts_a_baseline(nextword: Run, table: Path, tmp_path: Path) -> None:
    flags = ["--kind", "naive_bayes", "--order", "1", "--delta", "0.5", "--quiet"]
    done = nextword("train", table, "--name", "counted", *flags, root=tmp_path / "checkpoints")
    assert done.status == 0, done.err


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--kind", "classifier", "--order", "3"], "model.order: unknown; known are"),
        (["--kind", "classifier", "--bptt", "3"], "model.bptt: unknown"),
        (["--kind", "naive_bayes", "--hidden-size", "3"], "model.hidden_size: unknown"),
        (["--kind", "naive_bayes", "--tag", "upos"], "model.tag: unknown"),
        (["--kind", "lstm", "--pooling", "max"], "model.pooling: unknown"),
        (["--kind", "ngram", "--format", "csv"], "model.format: unknown"),
        (["--kind", "classifier", "--layers", "0"], "encoder.layers: "),
        (["--kind", "classifier", "--text-column", "words"], "line 1: must name the column 'words'"),
        (
            ["--kind", "classifier", "--initialize-from", "nobody"],
            "initialize_from: must be a file of word vectors, or",
        ),
        (["--kind", "classifier", "--extra-words", "3"], "extra_words: goes with initialize_from"),
    ],
)
def test_train_reports_a_mistake_in_a_task_in_one_line(
    nextword: Run, table: Path, flags: list[str], message: str
) -> None:
    done = nextword("train", table, "--name", "x", *flags, "--quiet")
    assert done.status in (1, 2)
    assert message in done.err
    assert done.err.count("\n") == 1


@pytest.mark.parametrize(
    ("model", "flags", "message"),
    [
        ("words", ["--format", "csv"], "format: is for models that labelled files measure"),
        ("words", ["more.txt"], "file: one text is accepted"),
    ],
)
def test_evaluate_refuses_what_does_not_go_with_the_model(
    nextword: Run, text: Path, model: str, flags: list[str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(text.parent)
    Path("more.txt").write_text("more\n")
    done = nextword("evaluate", model, text, *flags)
    assert (done.status, message in done.err) == (2, True), done.err


def test_train_reads_text_as_people_have_it(nextword: Run, tmp_path: Path) -> None:
    """Newlines, marks, encodings and compression change neither vocabulary nor figures."""
    root, plain = tmp_path / "checkpoints", LINES.replace("the", "caf\u00e9")
    forms = {
        "plain": plain.encode(),
        "crlf": plain.replace("\n", "\r\n").encode(),
        "cr": plain.replace("\n", "\r").encode(),
        "mark": b"\xef\xbb\xbf" + plain.encode(),
        "utf-16": plain.encode("utf-16"),
        "latin-1": plain.encode("latin-1"),
        "gzip": gzip.compress(plain.encode()),
        "tags": "".join(f"<s> {line} </s>\n" for line in plain.splitlines()).encode(),
        "-": plain.encode("utf-16-be"),
    }
    results = {}
    for name, data in forms.items():
        (tmp_path / name).write_bytes(data)
        encoding = {"latin-1": "latin-1", "-": "utf-16-be"}.get(name, "utf-8")
        file = "-" if name == "-" else tmp_path / name
        options = ("--name", "cats", "--order", "2", "--encoding", encoding, "--json", "--quiet")
        done = nextword("train", file, *options, stdin=data, root=root)
        assert done.status == 0, done.err
        assert ("are left out: its lines are sentences" in done.err) == (name == "tags")
        metrics = json.loads(done.out)["metrics"]
        notes = [note for note in metrics.pop("notes") if "no discounts" not in note]  # the text is small
        assert notes == ([] if name != "tags" else [done.err.splitlines()[0].removeprefix("note: ")])
        metrics["training"].pop("seconds")
        results[name] = metrics
    for name, metrics in results.items():
        assert metrics == results["plain"], name


def test_train_keeps_the_digest_of_the_bytes_and_no_path_of_standard_input(nextword: Run, tmp_path: Path) -> None:
    root, data = tmp_path / "checkpoints", gzip.compress(LINES.encode())
    assert nextword("train", "-", "--name", "cats", "--order", "2", "--quiet", stdin=data, root=root).status == 0
    provenance = load(root / "cats" / "1").card.provenance
    assert provenance.corpus["stdin"].sha256 == hashlib.sha256(data).hexdigest()
    assert provenance.recipe["files"] == ["-"]
    twice = nextword("train", "-", "-", "--name", "cats", root=root)
    assert (twice.status, twice.err.strip()) == (2, "nextword: files: may name standard input (-) once")


def test_train_splits_a_single_line_and_says_so(nextword: Run, tmp_path: Path) -> None:
    (tmp_path / "text8").write_text(" ".join(["the cat sat on the mat"] * 40))
    done = nextword(
        "train", tmp_path / "text8", "--name", "cats", "--order", "2", "--json", root=tmp_path / "checkpoints"
    )
    assert "note: the text is one line: it is cut between two words" in done.err
    metrics = json.loads(done.out)["metrics"]
    # 5 % of 920 characters are 46: two times six words, of which the first begins before that.
    assert metrics["validation"]["lines"]["token_count"] == 12
    assert metrics["training"]["token_count"] == 6 * 40 - 11 + 1


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("the cat\n".encode("utf-16-le"), "must be UTF-8; it looks like UTF-16 without a byte order mark: .*utf-16-le"),
        (b"le caf\xe9 est ferm\xe9\n", "must be UTF-8, and byte 6 .* looks like Latin-1: .*--encoding latin-1"),
        (gzip.compress(LINES.encode(), mtime=0)[:-4], "must be whole gzip data"),
        (b"PK\x03\x04\xff\xff", "must be text, and is a zip archive: unpack it first"),
    ],
)
def test_train_says_what_a_file_is_that_is_no_text(nextword: Run, data: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes(data)
    done = nextword("train", tmp_path / "text", "--name", "cats", "--quiet", root=tmp_path / "checkpoints")
    assert done.status == 2
    assert re.search(rf"nextword: .*text: {message}", done.err), done.err


@pytest.mark.parametrize("flags", [[], ["--pretokenized"]], ids=["raw", "pretokenized"])
def test_train_on_separators_that_are_no_blanks_can_be_exported(
    nextword: Run, flags: list[str], tmp_path: Path
) -> None:
    """U+001C to U+001F are no white space of Unicode, so that no blank of ARPA files is a part of a word."""
    root, text = tmp_path / "checkpoints", b"a\x1cb c\x1fd e\nx\xc2\x85y a\x1cb e\n"
    (tmp_path / "text").write_bytes(text)
    options = ("--order", "2", "--smoothing", "add_delta", "--validation-fraction", "0", *flags)
    assert nextword("train", tmp_path / "text", "--name", "odd", *options, root=root).status == 0
    assert nextword("export", "odd", tmp_path / "odd.arpa", root=root).status == 0
    assert nextword("import", tmp_path / "odd.arpa", "--name", "again", root=root).status == 0
    vocabulary = load(root / "odd" / "1").tokenizer.vocabulary
    assert sorted(load(root / "again" / "1").tokenizer.vocabulary) == sorted(vocabulary)
    assert ("a\x1cb" in vocabulary) == bool(flags)
