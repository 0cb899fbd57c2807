"""Messages of a job's work when it resumes the state of an earlier attempt."""

from __future__ import annotations

import gzip
import itertools
import json
import math
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from app.schemas.trades.rescore import RescoreRequest
from app.worker.child.run_job import run_job
from app.worker.run_protocol import Done, InputFile, Measured, Message, RunSpec, Stopped
from models.checkpoint.card import Card
from models.checkpoint.load import load
from models.data.sentence_marks import SentenceMarks
from models.errors import InvalidText
from models.evaluation.gibberish_thresholds import calibrate
from models.evaluation.typing_figures import measure_typing
from models.neural.training.config import STATE_FILE
from models.threads import thread_count
from models.tokenization.config import TokenizerConfig
from models.tokenization.tokenizer import Tokenizer
from models.utils.progress import run_to_completion
from tests.helpers.serving import CHARACTERS, ngram, publish
from tests.helpers.texts import some_text
from tests.helpers.tokenizers import sentence_piece_file

NGRAM = {"kind": "ngram", "config": {"smoothing": "add_delta"}}
LSTM = {"layers": 1, "hidden_size": 8, "embedding_size": 8, "batch_size": 4, "bptt": 8, "epochs": 1}


@pytest.fixture
def order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunSpec:
    monkeypatch.chdir(tmp_path)  # the work goes to a directory of its own, as the process is its own
    (tmp_path / "text").write_text(some_text(100))
    request: dict[str, Any] = {"kind": "lstm", "name": "demo", "training_file": "file-1", "config": LSTM}
    places = [str(tmp_path / name) for name in ("work", "staging", "checkpoints")]
    return RunSpec("job-1", request, *places, thread_count(), 60, InputFile(str(tmp_path / "text"), "text"))


def measured(messages: list[Message]) -> dict[int, dict[str, float | None]]:
    return {message.step: message.values for message in messages if isinstance(message, Measured)}


def test_run_job_after_a_loss_at_the_end_sends_all_metrics(order: RunSpec) -> None:
    first: list[Message] = []
    second: list[Message] = []
    assert isinstance(run_job(order, first.append, lambda: False), Done)
    assert isinstance(run_job(order, second.append, lambda: False), Done)
    assert measured(first)
    assert measured(second) == measured(first)


def test_run_job_that_resumes_sends_earlier_metrics(order: RunSpec) -> None:
    whole: list[Message] = []
    parts: list[Message] = []
    run_job(order, whole.append, lambda: False)
    parted = RunSpec(**{**vars(order), "workdir": f"{order.workdir}-parted"})
    assert run_job(parted, parts.append, lambda: len(measured(parts)) == 2) == Stopped()
    sent = len(parts)
    run_job(parted, parts.append, lambda: False)
    assert measured(parts[sent:]) == measured(whole)


@pytest.mark.parametrize("state", [b"torn", None], ids=["damaged", "of another training"])
def test_run_job_begins_anew_where_the_state_cannot_be_used(
    order: RunSpec, state: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    whole: list[Message] = []
    again: list[Message] = []
    run_job(order, whole.append, lambda: False)
    parted = RunSpec(**{**vars(order), "workdir": f"{order.workdir}-parted"})
    other = order.request | {"config": LSTM | {"seed": 5}} if state is None else order.request
    sent: list[Message] = []
    stopped = RunSpec(**{**vars(parted), "request": other})
    assert run_job(stopped, sent.append, lambda: len(measured(sent)) == 2) == Stopped()
    if state is not None:
        (Path(parted.workdir) / STATE_FILE).write_bytes(state)
    assert isinstance(run_job(parted, again.append, lambda: False), Done)
    assert measured(again) == measured(whole)
    assert "job job-1 begins anew: " in caplog.text


def test_run_job_reads_text_as_people_have_it(order: RunSpec, tmp_path: Path) -> None:
    text = some_text(100).replace("the", "caf\u00e9")
    forms = {
        "plain": (text.encode(), {}),
        "latin-1": (text.encode("latin-1"), {"encoding": "latin-1"}),
        "gzip": (gzip.compress(text.encode()), {}),
        "utf-16": (text.replace("\n", "\r\n").encode("utf-16"), {}),
        "marks": ("".join(f"<s> {line} </s>\n" for line in text.splitlines()).encode(), {}),
    }
    figures = {}
    for name, (data, fields) in forms.items():
        (tmp_path / "text").write_bytes(data)
        places = {"workdir": str(tmp_path / name), "staging": str(tmp_path / f"{name}-staged")}
        job = RunSpec(**{**vars(order), **places, "request": order.request | NGRAM | fields})
        done = run_job(job, lambda message: None, lambda: False)
        assert isinstance(done, Done)
        assert done.staged is not None
        metrics = load(Path(done.staged)).card.provenance.metrics
        assert metrics.pop("notes", []) == (SentenceMarks(True, True).notes() if name == "marks" else [])
        figures[name] = metrics["validation"]
    assert len({str(values) for values in figures.values()}) == 1


def test_run_job_names_the_file_that_is_no_text(order: RunSpec, tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes(some_text(100).encode("utf-16-le"))
    with pytest.raises(InvalidText, match="text: must be UTF-8; it looks like UTF-16 without a byte order mark"):
        run_job(order, lambda message: None, lambda: False)


def test_run_job_evaluates_compressed_text_with_marks(order: RunSpec, tmp_path: Path) -> None:
    publish(tmp_path / "checkpoints", "words", ngram())
    results = []
    for data in (b"the cat\nthe dog\n", gzip.compress(b"<s> the cat </s>\r\n<s> the dog </s>\r\n")):
        (tmp_path / "text").write_bytes(data)
        request = {"kind": "evaluate", "model": "words@1", "validation_file": "file-1"}
        places = {"training": None, "validation": order.training, "workdir": str(tmp_path / str(len(results)))}
        done = run_job(RunSpec(**{**vars(order), **places, "request": request}), lambda message: None, lambda: False)
        assert isinstance(done, Done)
        results.append(done.result)
    assert results[1] == results[0] | {"notes": SentenceMarks(True, True).notes()}


def test_run_job_has_the_first_words_typed(order: RunSpec, tmp_path: Path) -> None:
    publish(tmp_path / "checkpoints", "words", ngram())
    (tmp_path / "text").write_text("the cat saw a bird\nthe dog\n")
    request = {"kind": "evaluate", "model": "words@1", "validation_file": "file-1", "typing": 4}
    places = {"training": None, "validation": order.training, "request": request}
    done = run_job(RunSpec(**{**vars(order), **places}), lambda message: None, lambda: False)
    assert isinstance(done, Done)
    model = load(tmp_path / "checkpoints" / "words" / "1")
    typed = run_to_completion(measure_typing(model.predictor, model.tokenizer, ["the cat saw a bird"], 4))
    assert done.result is not None
    assert done.result | typed.figures() == done.result
    assert done.result["token_count"] == 9


def test_run_job_calibrates_the_gibberish_check(order: RunSpec, tmp_path: Path) -> None:
    publish(tmp_path / "checkpoints", "words", ngram())
    prompts = [f"the {word} saw a {other}" for word in ("cat", "dog", "bird") for other in ("cat", "dog", "zebra")]
    (tmp_path / "text").write_text("\r\n\r\n".join(prompts))
    request = {"kind": "calibrate", "model": "words@1", "validation_file": "file-1", "rates": [0.25, 0.5], "window": 2}
    places = {"training": None, "validation": order.training, "request": request}
    done = run_job(RunSpec(**{**vars(order), **places}), lambda message: None, lambda: False)
    assert isinstance(done, Done)
    model = load(tmp_path / "checkpoints" / "words" / "1")
    expected = run_to_completion(calibrate(model.language_model, model.tokenizer, prompts, [0.25, 0.5], 2))
    thresholds = [asdict(found) for found in expected]
    assert done.result == {"model": "words@1", "prompt_count": 9, "window": 2, "thresholds": thresholds}


def test_run_job_tunes_weights_that_rescore_takes(order: RunSpec, tmp_path: Path) -> None:
    publish(tmp_path / "checkpoints", "words", ngram())
    publish(tmp_path / "checkpoints", "letters", ngram(CHARACTERS, order=5), CHARACTERS)
    reference = "the cat saw a bird"
    texts = [" ".join(words) for words in itertools.islice(itertools.permutations(reference.split()), 100, 116)]
    rows = [
        {"reference": reference, "hypotheses": [{"text": text, "score": i % 3} for text in (*texts[i:], reference)]}
        for i in range(12)
    ]
    (tmp_path / "text").write_text("\n".join(map(json.dumps, rows)))
    request = {"kind": "tune", "model": "words@1", "models": ["letters@1"], "validation_file": "file-1"}
    done = run_job(replace(order, request=request, training=None, validation=order.training), [].append, lambda: False)
    assert isinstance(done, Done)
    result = done.result or {}
    RescoreRequest.model_validate({"hypotheses": rows[0]["hypotheses"], **result["weights"]})
    assert (result["model"], result["weights"]["models"][0]["model"]) == ("words@1", "letters@1")
    assert (result["list_count"], result["reference_length"]) == (12, 60)
    assert result["error_rate"]["oracle"] == 0 <= result["error_rate"]["tuned"] < result["error_rate"]["first_pass"]
    assert result["errors"]["tuned"] == round(60 * result["error_rate"]["tuned"])


def test_run_job_imports_a_model_over_the_tokens_of_a_tokenizers_file(order: RunSpec, tmp_path: Path) -> None:
    file = sentence_piece_file(tmp_path / "pieces.model", "unigram")
    pieces = Tokenizer.train(TokenizerConfig(file=str(file), boundary="</s>"), ()).vocabulary[2:]
    rows = [f"{math.log10(0.5 / len(pieces)):.7f}\t{piece}\n" for piece in pieces if piece != "<s>"]
    share = math.log10((1 - 0.5 * len(rows) / len(pieces)) / 2)
    head = f"\\data\\\nngram 1={len(rows) + 3}\n\n\\1-grams:\n-99\t<s>\n{share}\t</s>\n{share}\t<unk>\n"
    (tmp_path / "model.arpa").write_text(f"{head}{''.join(rows)}\n\\end\\\n")
    tokenizer = {"file": "file-2", "boundary": "</s>"}
    request = {"kind": "import", "name": "pieces", "file": "file-1", "tokenizer": tokenizer}
    model = InputFile(str(tmp_path / "model.arpa"), "model.arpa")
    more = {"tokenizer.file": InputFile(str(file), "pieces.model")}
    done = run_job(replace(order, request=request, training=model, more_files=more), [].append, lambda: False)
    assert isinstance(done, Done)
    card = Card.read(Path(done.staged or "") / "card.json")
    assert (card.kind, card.vocabulary_size, card.normalized) == ("ngram", 2 + len(pieces), True)
