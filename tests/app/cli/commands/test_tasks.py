"""Commands that ask models which read a whole text: classify, tag, fill, answer, embed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from models.checkpoint.load import load
from models.tasks.classification.predict import classify
from models.tasks.embedding.predict import embed
from models.utils.progress import run_to_completion
from tests.helpers.command_line import Finished, Run
from tests.helpers.serving import classifier, fill_in, ngram, publish, reader, tagger

TEXTS = ["the old dog", "a zebra saw the cat ."]


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("tasks") / "checkpoints"
    publish(root, "words", ngram())
    publish(root, "sentiment", classifier())
    publish(root, "animals", tagger())
    publish(root, "filler", fill_in())
    publish(root, "stories", reader())
    return root


def json_lines(done: Finished) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.out.splitlines()]


def test_classify_prints_the_librarys_labels(nextword: Run, tasks: Path) -> None:
    sentiment = load(tasks / "sentiment" / "1")
    expected = run_to_completion(classify(sentiment.model, sentiment.tokenizer, TEXTS))
    results = json_lines(nextword("classify", "sentiment", *TEXTS, "--json", root=tasks))
    assert [(result["model"], result["text"]) for result in results] == [("sentiment@1", text) for text in TEXTS]
    for result, row in zip(results, expected.tolist(), strict=True):
        assert result["label"] == ("bad", "good", "other")[row.index(max(row))]
        assert result["probabilities"][0]["logprob"] == pytest.approx(max(row), abs=1e-5)
    shown = nextword("classify", "sentiment", *TEXTS, root=tasks).out.splitlines()
    assert [line.split("\t")[0] for line in shown] == [result["label"] for result in results]
    assert [line.split("\t")[2] for line in shown] == TEXTS


def test_classify_explains_each_word(nextword: Run, tasks: Path) -> None:
    first, *words = nextword("classify", "sentiment", TEXTS[0], "--explain", root=tasks).out.splitlines()
    assert first.endswith("\tthe old dog")
    assert [line.split("\t")[1] for line in words] == ["the", "old", "dog"]


@pytest.mark.parametrize("way", ["stdin", "-", "file"])
def test_classify_reads_a_text_a_line(nextword: Run, tasks: Path, tmp_path: Path, way: str) -> None:
    data = "\ufeffthe old dog\r\n\na zebra".encode()
    (tmp_path / "lines.txt").write_bytes(data)
    source = {"stdin": [], "-": ["--file", "-"], "file": ["--file", tmp_path / "lines.txt"]}[way]
    shown = nextword("classify", "sentiment", *source, stdin=data, root=tasks).out.splitlines()
    assert [line.split("\t")[2] for line in shown] == ["the old dog", "", "a zebra"]


def test_classify_takes_texts_from_one_place(nextword: Run, tasks: Path) -> None:
    refused = nextword("classify", "sentiment", "a", "--file", "-", root=tasks)
    assert refused.status == 2
    assert "file: is for texts that are not given as arguments" in refused.err


def test_tag_prints_a_token_a_line_or_spans(nextword: Run, tasks: Path) -> None:
    (result,) = json_lines(nextword("tag", "animals", TEXTS[1], "--json", root=tasks))
    lines = nextword("tag", "animals", TEXTS[1], root=tasks).out.splitlines()
    assert lines == [*(f"{t['token']}\t{t['tag']}\t{t['probability']:.6f}" for t in result["tokens"]), ""]
    spans = nextword("tag", "animals", TEXTS[1], "--spans", root=tasks).out.splitlines()
    assert spans == [*(f"{s['type']}\t{s['probability']:.6f}\t{s['text']}" for s in result["spans"]), ""]


@pytest.mark.parametrize("model", ["filler", "words"])
def test_fill_prints_the_most_probable_texts(nextword: Run, tasks: Path, model: str) -> None:
    arguments = ("fill", model, "the ___ saw", "--candidate", "dog", "--candidate", "cat")
    (result,) = json_lines(nextword(*arguments, "--json", root=tasks))
    assert sorted(filling["text"] for filling in result["fillings"]) == ["the cat saw", "the dog saw"]
    assert sum(filling["probability"] for filling in result["fillings"]) == pytest.approx(1)
    lines = nextword(*arguments, "--top-k", "1", root=tasks).out.splitlines()
    assert lines == [f"{result['fillings'][0]['probability']:.6f}\t{result['fillings'][0]['text']}", ""]


@pytest.mark.parametrize("way", ["--context", "--file", "stdin"])
def test_answer_prints_the_most_probable_answers(nextword: Run, tasks: Path, tmp_path: Path, way: str) -> None:
    context = "The old dog saw a bird.\nA cat saw the dog ."
    (tmp_path / "story.txt").write_text(context, encoding="utf-8")
    source = {"--context": ["--context", context], "--file": ["--file", tmp_path / "story.txt"], "stdin": []}[way]
    arguments = ("answer", "stories", "what ?", "a cat ?", *source)
    results = json_lines(nextword(*arguments, "--json", stdin=context.encode(), root=tasks))
    assert [result["question"] for result in results] == ["what ?", "a cat ?"]
    lines = nextword(*arguments, "--top-k", "2", stdin=context.encode(), root=tasks).out.splitlines()
    assert lines == [
        line
        for result in results
        for line in [*(f"{a['probability']:.6f}\t{a['text']}" for a in result["answers"][:2]), ""]
    ]


def test_embed_prints_vectors(nextword: Run, tasks: Path) -> None:
    sentiment = load(tasks / "sentiment" / "1")
    (expected,) = run_to_completion(embed(sentiment.model, sentiment.tokenizer, TEXTS[:1], "max", per_token=True))
    arguments = ("embed", "sentiment", TEXTS[0], "--pooling", "max")
    text, *numbers = nextword(*arguments, root=tasks).out.rstrip("\n").split("\t")
    assert text == TEXTS[0]
    assert [float(number) for number in numbers] == pytest.approx(expected.vector.tolist(), abs=1e-5)
    lines = nextword(*arguments, "--per-token", root=tasks).out.splitlines()
    assert [line.split("\t")[0] for line in lines] == ["the", "old", "dog", "</s>", ""]
    (result,) = json_lines(nextword(*arguments, "--per-token", "--json", root=tasks))
    assert result["embedding"] == pytest.approx(expected.vector.tolist(), abs=1e-5)
    assert len(result["tokens"]) == 4


@pytest.mark.parametrize(
    ("arguments", "capability"),
    [
        (("classify", "words", "a"), "classify"),
        (("tag", "sentiment", "a"), "tag"),
        (("fill", "sentiment", "___"), "fill"),
        (("answer", "sentiment", "why", "--context", "a"), "answer"),
        (("embed", "words", "a"), "embed"),
    ],
)
def test_commands_name_what_a_model_can_do(
    nextword: Run, tasks: Path, arguments: tuple[str, ...], capability: str
) -> None:
    refused = nextword(*arguments, root=tasks)
    assert refused.status == 2
    assert f"cannot {capability}; its capabilities are " in refused.err


@pytest.mark.parametrize("command", ["next", "score", "generate"])
def test_commands_of_language_models_say_why_a_bidirectional_one_cannot(
    nextword: Run, tasks: Path, command: str
) -> None:
    refused = nextword(command, "sentiment", stdin=b"a\n", root=tasks)
    assert refused.status == 2
    assert "it needs what comes after a word" in refused.err
