"""Commands that use a published model: evaluate, score, generate, next, models."""

from __future__ import annotations

import gzip
import json
import math
from pathlib import Path

import pytest

from models.checkpoint.load import load
from models.evaluation.evaluator import evaluate
from models.evaluation.typing_figures import measure_typing
from models.utils.progress import run_to_completion
from tests.helpers.command_line import Run
from tests.helpers.serving import TEXT


def test_evaluate_prints_the_librarys_figures(nextword: Run, published: Path, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text(TEXT, encoding="utf-8")
    done = nextword("evaluate", "words", tmp_path / "text.txt", "--json")
    result = json.loads(done.out)
    model = load(published / "words" / "1")
    expected = run_to_completion(evaluate(model.model, model.tokenizer, [TEXT], "lines"))
    assert (result["model"], result["unit"]) == ("words@1", "lines")
    assert result["perplexity"] == pytest.approx(expected.perplexity, rel=1e-9)
    assert result["token_count"] == expected.token_count
    shown = nextword("evaluate", "words@1", tmp_path / "text.txt").out
    assert f"{expected.perplexity:.4f}" in shown


def test_evaluate_has_the_first_words_typed(nextword: Run, published: Path, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text(TEXT, encoding="utf-8")
    result = json.loads(nextword("evaluate", "words", tmp_path / "text.txt", "--typing", "9", "--json").out)
    model = load(published / "words" / "1")
    typed = run_to_completion(measure_typing(model.predictor, model.tokenizer, TEXT.split("\n"), 9))
    assert typed.words == 9
    assert result | typed.figures() == result
    plain = json.loads(nextword("evaluate", "words", tmp_path / "text.txt", "--json").out)
    assert result == plain | typed.figures()


def test_evaluate_defaults_to_document_for_characters(nextword: Run, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("the cat\n", encoding="utf-8")
    assert json.loads(nextword("evaluate", "letters", tmp_path / "text.txt", "--json").out)["unit"] == "document"
    refused = nextword("evaluate", "letters", tmp_path / "text.txt", "--unit", "lines")
    assert refused.status == 2
    assert "unit" in refused.err


def test_evaluate_prints_an_infinite_perplexity(nextword: Run, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("garden the the the\n", encoding="utf-8")
    assert json.loads(nextword("evaluate", "counts", tmp_path / "text.txt", "--json").out)["perplexity"] is None
    assert "infinite" in nextword("evaluate", "counts", tmp_path / "text.txt").out


def test_score_prints_one_result_per_line(nextword: Run) -> None:
    done = nextword("score", "words", stdin=b"the cat saw a bird .\n\nthe zebra\r\nlast")
    rows = [line.split("\t") for line in done.out.splitlines()]
    assert [row[3] for row in rows] == ["the cat saw a bird .", "", "the zebra", "last"]
    assert [row[1] for row in rows] == ["7", "1", "3", "2"]
    assert [row[2] for row in rows] == ["0", "0", "1", "1"]
    assert all(float(row[0]) < 0 for row in rows)


def test_score_prints_json(nextword: Run) -> None:
    likely, impossible = map(
        json.loads, nextword("score", "counts", "--json", stdin=b"the cat\ngarden the\n").out.splitlines()
    )
    assert likely["token_count"] == 3
    assert impossible["logprob"] is None
    assert impossible["zero_probability"] is True


def test_score_tells_the_matched_order_of_each_token(nextword: Run) -> None:
    line, *rows = nextword("score", "words", "--tokens", stdin=b"the cat").out.splitlines()
    assert [row.split("\t")[3] for row in rows] == ["the", "cat", "</s>"]
    assert sum(float(row.split("\t")[1]) for row in rows) == pytest.approx(float(line.split("\t")[0]), abs=1e-5)
    tokens = json.loads(nextword("score", "words", "--tokens", "--json", stdin=b"the cat").out)["tokens"]
    assert [str(token["matched_order"]) for token in tokens] == [row.split("\t")[2] for row in rows]
    assert nextword("score", "lstm", "--tokens", stdin=b"the").out.splitlines()[1].split("\t")[2] == "-"


def test_score_tells_spellings_and_leaves_out_begin_and_end(nextword: Run, published: Path) -> None:
    tokenizer = load(published / "words" / "1").tokenizer
    score = json.loads(nextword("score", "words", "--json", "--no-eos", stdin=b"the zzq").out)
    assert score["token_count"] == 2
    assert score["spelling_logprob"] == pytest.approx(float(tokenizer.speller.logprobs(["zzq"])[0]))
    other = json.loads(nextword("score", "words", "--json", "--no-eos", "--no-bos", stdin=b"the cat").out)
    assert other["spelling_logprob"] == 0
    assert (
        other["logprob"]
        != json.loads(nextword("score", "words", "--json", "--no-eos", stdin=b"the cat").out)["logprob"]
    )


def test_evaluate_leaves_out_begin_and_end(nextword: Run, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("the cat\nthe dog\n")
    file = tmp_path / "text.txt"
    figures = json.loads(nextword("evaluate", "words", file, "--json", "--no-eos").out)
    assert (figures["token_count"], figures["line_count"], figures["eos"]) == (4, 0, False)
    figures = json.loads(nextword("evaluate", "words", file, "--json", "--unit", "document", "--no-bos").out)
    assert (figures["token_count"], figures["line_count"], figures["bos"]) == (6, 2, False)


def test_score_puts_an_error_in_the_place_of_a_line_that_is_not_utf8(nextword: Run) -> None:
    stdin = b"the cat\nb\xffd\nthe dog\n\xe9\n"
    done = nextword("score", "words", stdin=stdin)
    rows = [line.split("\t") for line in done.out.splitlines()]
    alone = nextword("score", "words", stdin=b"the cat\nthe dog\n").out.splitlines()
    assert rows[0::2] == [line.split("\t") for line in alone]
    assert rows[1::2] == [["error", "0", "0", "b\ufffdd"], ["error", "0", "0", "\ufffd"]]
    assert done.status == 2
    message = "line 2 is not UTF-8 (byte 1 of it, from 0); it looks like Latin-1: "
    assert f"text: {message}" in done.err
    assert done.err.strip().endswith(", and 1 more")
    record = json.loads(nextword("score", "words", "--json", stdin=stdin).out.splitlines()[1])
    assert (record["model"], record["line"]) == ("words@1", 2)
    assert record["error"]["message"].startswith(message)


@pytest.mark.parametrize("command", ["score", "evaluate"])
def test_text_is_the_same_in_every_form(nextword: Run, command: str) -> None:
    text = "the cat saw a bird .\n\nthe old dog\n"
    file = ["-"] if command == "evaluate" else []
    forms = {
        "utf-8": [text, text.replace("\n", "\r\n"), text.replace("\n", "\r"), "\ufeff" + text],
        "utf-16": [text],
        "utf-16-le": [text, text.replace("\n", "\r\n")],
        "latin-1": [text],
    }
    data = [(form.encode(encoding), encoding) for encoding, texts in forms.items() for form in texts]
    data += [(gzip.compress(text.encode()), "utf-8"), (text.encode("utf-16"), "utf-8")]
    shown = {nextword(command, "words", *file, "--encoding", encoding, stdin=stdin).out for stdin, encoding in data}
    assert len(shown) == 1


def test_score_names_utf_16_without_a_mark(nextword: Run) -> None:
    done = nextword("score", "words", stdin="the old dog\n".encode("utf-16-be"))
    assert done.status == 2
    assert "looks like UTF-16 without a byte order mark" in done.err
    assert "--encoding utf-16-be" in done.err


def test_evaluate_leaves_out_the_marks_of_sentences(nextword: Run) -> None:
    plain = nextword("evaluate", "words", "-", "--json", stdin=b"the cat\nthe dog\n")
    marked = nextword("evaluate", "words", "-", "--json", stdin=b"<s> the cat </s>\n<s> the dog </s>\n")
    assert json.loads(marked.out) == json.loads(plain.out)
    assert "note: `<s>` and `</s>` around the lines" in marked.err


def test_generate_continues_the_prompt(nextword: Run) -> None:
    done = nextword("generate", "words", "--prompt", "the old", "--temperature", "0", "--max-tokens", "3")
    assert done.status == 0
    assert done.out.startswith("the old dog")


def test_generate_takes_penalties_bias_and_alternatives(nextword: Run) -> None:
    flags = ["generate", "words", "--prompt", "the old", "--temperature", "0", "--max-tokens", "8", "--ignore-end"]
    plain = json.loads(nextword(*flags, "--json").out)["choices"][0]
    second = plain["tokens"][1]
    banned = ["--logit-bias", f"{second['token']}=-100", "--logit-bias", "1=-2.5", "--top-logprobs", "2"]
    choice = json.loads(nextword(*flags, *banned, "--frequency-penalty", "2", "--json").out)["choices"][0]
    assert second["token"] not in [token["token"] for token in choice["tokens"]]
    assert [len(token["top_logprobs"]) for token in choice["tokens"]] == [2] * len(choice["tokens"])
    assert choice["tokens"][1]["top_logprobs"][0] == second
    assert "top_logprobs" not in second


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--logit-bias", "the"], "logit_bias: must be a token, `=` and a number"),
        (["--logit-bias", "the=x"], "logit_bias: must be a token, `=` and a number"),
        (["--logit-bias", "zebra=1"], "logit_bias.zebra: must be a token id or the text of one token"),
        (["--logit-bias", "the=1", "--logit-bias", "the=2"], "logit_bias: give each token one number"),
        (["--top-logprobs", "2"], "top_logprobs: goes with --json"),
        (["--logit-bias", "the=101"], "logit_bias: must be -100 (never) to 100"),
        (["--repetition-penalty", "0"], "repetition_penalty: must be 0.01 to 100"),
    ],
)
def test_generate_names_a_bias_or_penalty_that_is_not_accepted(nextword: Run, flags: list[str], message: str) -> None:
    done = nextword("generate", "words", *flags)
    assert done.status == 2
    assert message in done.err


def test_generate_repeats_a_text_by_its_seed(nextword: Run) -> None:
    flags = ["generate", "lstm", "--seed", "5", "--max-tokens", "8", "--ignore-end", "-n", "2"]
    first = json.loads(nextword(*flags, "--json").out)
    assert json.loads(nextword(*flags, "--json").out) == first
    one, two = first["choices"]
    assert one["tokens"] != two["tokens"]
    assert one["logprob"] == pytest.approx(sum(token["logprob"] for token in one["tokens"]))
    assert nextword(*flags).out == f"{one['text']}\n----\n{two['text']}\n"


def test_generate_stops_at_any_of_several_strings(nextword: Run) -> None:
    stops = ["--stop", "cat", "--stop", "dog", "--stop", "bird", "--stop", "friend"]
    done = nextword("generate", "words", "--seed", "1", *stops, "--json")
    assert json.loads(done.out)["choices"][0]["finish_reason"] == "stop"


def test_next_ranks_tokens(nextword: Run) -> None:
    result = json.loads(
        nextword("next", "words", "--context", "the old zebra", "--top-k", "0", "--special", "--json").out
    )
    assert [token["oov"] for token in result["context"]] == [False, False, True]
    probabilities = [token["probability"] for token in result["next"]]
    assert math.fsum(probabilities) == pytest.approx(1, abs=1e-4)
    assert probabilities == sorted(probabilities, reverse=True)
    assert nextword("next", "words", "--context", "the old", "--top-k", "1").out.split("\t")[1] == "dog\n"


def test_precision_int8_is_used_only_on_request(nextword: Run) -> None:
    def score(*flags: str) -> str:
        return nextword("score", "lstm", *flags, stdin=b"the old dog saw a cat .").out.split("\t")[0]

    assert score() == score("--precision", "float32") != score("--precision", "int8")
    assert float(score("--precision", "int8")) == pytest.approx(float(score()), abs=0.5)
    assert nextword("next", "lstm", "--precision", "int4").status == 2


def test_next_keeps_to_a_prefix(nextword: Run) -> None:
    output = json.loads(nextword("next", "words", "--prefix", "b", "--json").out)["next"]
    assert [token["token"] for token in output] == ["bird"]
    assert nextword("next", "words", "--prefix", "bi").out.split("\t")[1] == "bird\n"
    assert nextword("next", "words", "--prefix", "BI").out == ""
    assert nextword("next", "words", "--prefix", "BI", "--ignore-case").out.split("\t")[1] == "bird\n"


def test_next_continues_what_was_typed_over_tokens(nextword: Run) -> None:
    result = json.loads(nextword("next", "letters", "--context", "the", "--prefix", " c", "--json").out)
    assert result["typed"] == " c"
    assert all(token["text"] == " c" + token["token"] for token in result["next"])
    assert [token["token"] for token in result["next"][0]["before"]] == [" ", "c"]
    healed = json.loads(nextword("next", "words", "--context", "the bir", "--heal", "--json").out)
    assert ([token["token"] for token in healed["context"]], healed["next"][0]["text"]) == (["the"], "bird")
    assert "typed" not in json.loads(nextword("next", "words", "--context", "the bir", "--json").out)


def test_models_says_that_a_folder_has_none(nextword: Run, tmp_path: Path) -> None:
    done = nextword("models", root=tmp_path / "none")
    assert (done.status, done.out, done.err) == (0, "", f"no published models in {tmp_path / 'none'}\n")
    assert nextword("models", "--json", root=tmp_path / "none").err == ""


def test_next_says_where_it_looked_for_a_model(nextword: Run, published: Path, tmp_path: Path) -> None:
    done = nextword("next", "words", root=tmp_path)
    hint = "--checkpoints or NEXTWORD_CHECKPOINTS names another folder"
    assert done.err == f"nextword: no checkpoint 'words' in {tmp_path}; there are: none ({hint})\n"
    assert hint not in nextword("next", "word").err
    assert f"no checkpoint 'word' in {published}; there are: counts@1," in nextword("next", "word").err


def test_models_lists_damaged_ones_too(nextword: Run, tmp_path: Path, published: Path) -> None:
    assert [line.split()[0] for line in nextword("models").out.splitlines()] == [
        "MODEL",
        "counts@1",
        "letters@1",
        "lstm@1",
        "words@1",
    ]
    (tmp_path / "broken" / "1").mkdir(parents=True)
    (tmp_path / "broken" / "1" / "card.json").write_text("{}")
    (listed,) = json.loads(nextword("models", "--json", root=tmp_path).out)["data"]
    assert listed["id"] == "broken@1"
    assert "card.json" in listed["problem"]


@pytest.mark.parametrize("command", ["evaluate", "score", "generate", "next"])
def test_unknown_model_is_one_line_that_lists_known_ones(nextword: Run, tmp_path: Path, command: str) -> None:
    (tmp_path / "text.txt").write_text("x\n")
    done = nextword(command, "nowhere", *([tmp_path / "text.txt"] if command == "evaluate" else []))
    assert done.status == 1
    assert done.err.count("\n") == 1
    assert "words@1" in done.err


def test_evaluate_dynamic_adapts_and_says_so(nextword: Run, tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("the cat saw a bird .\n" * 60, encoding="utf-8")
    flags = ["evaluate", "lstm", text, "--json", "--quiet"]
    plain = json.loads(nextword(*flags, "--unit", "document").out)
    output = json.loads(nextword(*flags, "--dynamic", "sgd", "--learning-rate", "0.5").out)
    assert (output["unit"], output["adaptive"], plain["adaptive"]) == ("document", True, False)
    assert output["perplexity"] < plain["perplexity"]
    for wrong, said in (
        (["--dynamic", "sgd", "--unit", "lines"], "unit: must be"),
        (["--decay", "0.1"], "decay: is for --dynamic only"),
        (["--dynamic", "rms", "--segment", "0"], "segment: must be"),
    ):
        refused = nextword(*flags, *wrong)
        assert (refused.status, said in refused.err) == (2, True), refused.err
    assert "nothing in this ngram model" in nextword("evaluate", "words", text, "--dynamic", "sgd").err


def test_next_explain_shows_gates_at_each_token_and_the_back_off_path(nextword: Run) -> None:
    result = json.loads(nextword("next", "lstm", "--context", "the cat", "--explain", "--json").out)
    assert [part["token"] for part in result["explain"]["tokens"]] == ["the", "cat"]
    assert "explain" not in json.loads(nextword("next", "lstm", "--context", "the cat", "--json").out)
    shown = nextword("next", "lstm", "--context", "the cat", "--explain", "--top-k", "1").out
    assert "    token: cat\n" in shown
    assert "forget: mean 0." in shown
    assert "backoff\n  1\n    order: " in nextword("next", "words", "--context", "the", "--explain").out
