"""Jobs from upload to serving: real workers, child processes and a real service."""

from __future__ import annotations

import time
from pathlib import Path

import httpx
import pytest
from tokenizers import Tokenizer as HuggingFaceTokenizer

from tests.helpers.jobs import LSTM, ask, begun, left_over, over, upload, working
from tests.helpers.serving import Server, ngram, publish, recurrent, wait_for
from tests.helpers.texts import some_text
from tests.helpers.tokenizers import LINES, hugging_face_file, sentence_piece_file


def test_jobs_train_evaluate_and_serve_models(client: httpx.Client, own: Server) -> None:
    training, validation = upload(client, some_text(200)), upload(client, some_text(40), "held-out.txt")
    counted = ask(client, name="counted", kind="ngram", training_file=training, validation_file=validation)
    trained = ask(client, name="trained", kind="lstm", training_file=training, config={**LSTM, "epochs": 1})
    with working(own):
        for job in (counted, trained):
            assert over(client, job)["status"] == "succeeded", job
        wait_for(lambda: client.get("/v1/models/trained").status_code == 200)
        measured = ask(client, kind="evaluate", model="counted", validation_file=validation, unit="lines")
        assert over(client, measured)["status"] == "succeeded", measured
        without = ask(client, kind="evaluate", model="counted", validation_file=validation, unit="lines", eos=False)
        assert over(client, without)["status"] == "succeeded", without
    held_out = counted["result"]["metrics"]["validation"]["lines"]
    assert measured["result"]["perplexity"] == pytest.approx(held_out["perplexity"])
    assert measured["result"]["token_count"] == without["result"]["token_count"] + measured["result"]["line_count"]
    assert (without["result"]["eos"], without["result"]["line_count"]) == (False, 0)
    assert client.post("/v1/models/trained/next", json={"context": "the"}).json()["model"] == "trained@1"
    card = client.get("/v1/models/counted@1").json()["card"]
    assert card["provenance"]["job"] == counted["id"]
    assert set(card["provenance"]["corpus"]) == {"corpus.txt", "held-out.txt"}
    steps = [point["step"] for point in client.get(f"/v1/jobs/{trained['id']}/metrics").json()["data"]]
    assert steps == sorted(set(steps))
    assert steps
    assert left_over(own) == []


def test_jobs_train_models_over_the_tokens_of_an_uploaded_file(
    client: httpx.Client, own: Server, tmp_path: Path
) -> None:
    training = upload(client, "".join(f"{line}\n" for line in LINES * 10))
    gpt2 = upload(client, hugging_face_file(tmp_path / "tokenizer.json", "gpt2").read_bytes(), "tokenizer.json")
    pieces = upload(client, sentence_piece_file(tmp_path / "spm.model").read_bytes(), "spm.model")
    words = upload(client, "the\ncat\ndog\n", "words.txt")
    request = {"kind": "ngram", "training_file": training, "config": {"order": 2}}
    counted = ask(client, name="over-gpt2", tokenizer={"file": gpt2}, **request)
    networks = {"kind": "lstm", "training_file": training, "config": {**LSTM, "epochs": 1}}
    trained = ask(client, name="over-pieces", tokenizer={"file": pieces, "boundary": "</s>"}, **networks)
    listed = ask(client, name="over-words", tokenizer={"file": words, "lowercase": True}, **request)
    assert client.delete(f"/v1/files/{pieces}").status_code == 409  # a job needs it
    for tokenizer, param in [
        ({"file": pieces}, "tokenizer.boundary"),
        ({"file": gpt2, "lowercase": True}, "tokenizer.lowercase"),
        ({"file": "file-none"}, "tokenizer.file"),
        ({"file": training}, "tokenizer.file"),
        ({"kind": "file"}, "tokenizer.file"),
    ]:
        refused = client.post("/v1/jobs", json={"name": "x", "tokenizer": tokenizer, **request})
        assert (refused.status_code, refused.json()["error"]["param"]) == (400, param), refused.text
    with working(own):
        for job in (counted, trained, listed):
            assert over(client, job)["status"] == "succeeded", job
    for name in ("over-gpt2", "over-pieces", "over-words"):
        wait_for(lambda name=name: client.get(f"/v1/models/{name}").status_code == 200)
        assert client.post(f"/v1/models/{name}/perplexity", json={"text": LINES[0]}).json()["perplexity"] > 1
        answer = client.post(f"/v1/models/{name}/generate", json={"prompt": "The cat", "max_tokens": 5, "seed": 1})
        assert answer.status_code == 200, answer.text
    probability = client.post("/v1/models/over-gpt2/probability", json={"text": "The cat", "tokens": True}).json()
    own_ids = HuggingFaceTokenizer.from_file(str(tmp_path / "tokenizer.json")).encode("The cat").ids
    assert [token["id"] for token in probability["results"][0]["tokens"]] == [*own_ids, 0]  # the boundary ends it
    card = client.get("/v1/models/over-pieces@1").json()["card"]
    assert card["tokenizer"]["kind"] == "file"
    assert card["tokenizer"]["boundary"] == "</s>"


def test_jobs_estimate_an_ngram_model_from_the_whole_text(client: httpx.Client, own: Server) -> None:
    text = upload(client, some_text(200))
    shared = {"kind": "ngram", "training_file": text, "config": {"order": 3}}
    whole = ask(client, name="refitted", **shared)
    part = ask(client, name="measured", refit=False, **shared)
    with working(own):
        assert over(client, whole)["status"] == over(client, part)["status"] == "succeeded"
    metrics, other = whole["result"]["metrics"], part["result"]["metrics"]
    assert metrics["validation"] == other["validation"]
    assert (metrics["training"]["lines"], metrics["refit"]["lines"]) == (190, 200)
    assert "refit" not in other


def test_jobs_extend_a_model_with_kept_counts(client: httpx.Client, own: Server) -> None:
    shared = {"kind": "ngram", "validation_fraction": 0, "config": {"order": 3}}
    first = ask(client, name="base", training_file=upload(client, some_text(50)), keep_counts=True, **shared)
    with working(own):
        assert over(client, first)["status"] == "succeeded", first
        wait_for(lambda: client.get("/v1/models/base").status_code == 200)
        more = upload(client, some_text(20), "more.txt")
        longer = ask(client, name="longer", training_file=more, extends="base", memory="1GB", **shared)
        assert over(client, longer)["status"] == "succeeded", longer
        wait_for(lambda: client.get("/v1/models/longer").status_code == 200)
    card = client.get("/v1/models/longer").json()["card"]
    assert set(card["provenance"]["corpus"]) == {"corpus.txt", "more.txt"}
    assert card["provenance"]["recipe"]["extends"] == "base@1"
    refused = client.post("/v1/jobs", json={"name": "x", "training_file": more, "extends": "longer", **shared})
    assert refused.status_code == 400
    assert refused.json()["error"]["param"] == "extends"
    refused = client.post("/v1/jobs", json={"name": "x", "training_file": more, "memory": "lots", **shared})
    assert refused.json()["error"]["param"] == "memory"


def test_jobs_compose_mixtures_that_are_served(client: httpx.Client, own: Server) -> None:
    checkpoints = own.app.state.settings.checkpoints
    for name, model in (("counts", ngram(smoothing="mle")), ("network", recurrent())):
        publish(checkpoints, name, model)
        wait_for(lambda name=name: client.get(f"/v1/models/{name}").status_code == 200)
    text = upload(client, some_text(60), "held-out.txt")
    mixed = ask(client, name="mixed", kind="mixture", members=["counts", "network@1"], validation_file=text)
    cached = ask(client, name="cached", kind="cache", members=["counts"], config={"window": 50, "weight": 0.2})
    learned = ask(client, kind="evaluate", model="network", validation_file=text, dynamic={"learning_rate": 0.3})
    with working(own):
        for job in (mixed, cached, learned):
            assert over(client, job)["status"] == "succeeded", job
    request = {"text": some_text(60), "unit": "document"}
    alone = client.post("/v1/models/network/perplexity", json=request).json()
    assert (learned["result"]["unit"], learned["result"]["adaptive"], alone["adaptive"]) == ("document", True, False)
    assert learned["result"]["perplexity"] < alone["perplexity"]
    fitted = mixed["result"]["metrics"]["fit"]
    assert sum(fitted["weights"]) == pytest.approx(1)
    assert fitted["weights"][0] > 0.9  # the network has learned nothing
    for name in ("mixed", "cached"):
        wait_for(lambda name=name: client.get(f"/v1/models/{name}").status_code == 200)
        assert client.post(f"/v1/models/{name}/generate", json={"prompt": "the", "max_tokens": 3}).status_code == 200
    card = client.get("/v1/models/mixed").json()["card"]
    assert [member["model"] for member in card["members"]] == ["counts@1", "network@1"]
    assert (card["provenance"]["job"], list(card["provenance"]["corpus"])) == (mixed["id"], ["held-out.txt"])
    measured = [
        client.post(f"/v1/models/{name}/perplexity", json=request).json() for name in ("counts", "mixed", "cached")
    ]
    assert [figures["adaptive"] for figures in measured] == [False, False, True]
    assert measured[1]["perplexity"] == pytest.approx(
        mixed["result"]["metrics"]["validation"]["document"]["perplexity"],
        rel=0.01,  # served in int8
    )
    assert client.delete("/v1/models/network@1").json()["error"]["code"] == "model_in_use"
    assert left_over(own) == []


def test_cancel_stops_a_training_within_seconds(client: httpx.Client, own: Server) -> None:
    file = upload(client, some_text(2000))
    job = ask(client, name="cancelled", kind="lstm", training_file=file, config={**LSTM, "epochs": 1000})
    with working(own):
        begun(client, job)
        client.post(f"/v1/jobs/{job['id']}/cancel")
        cancelled_at = time.monotonic()
        assert over(client, job)["status"] == "cancelled"
        assert time.monotonic() - cancelled_at < 30  # a second or two; the limit is for machines that are busy
    assert not (own.app.state.settings.checkpoints / "cancelled").exists()
    assert left_over(own) == []


def test_worker_told_to_stop_saves_a_state_to_resume(client: httpx.Client, own: Server) -> None:
    file = upload(client, some_text(600))
    body = {"kind": "lstm", "training_file": file, "config": {**LSTM, "epochs": 6}}
    whole, parted = ask(client, name="whole", **body), ask(client, name="parted", **body)
    with working(own):
        assert over(client, whole)["status"] == "succeeded"
        begun(client, parted)
    back = client.get(f"/v1/jobs/{parted['id']}").json()
    assert (back["status"], back["attempt"], back["queue_position"]) == ("queued", 1, 1)
    with working(own):
        assert over(client, parted)["status"] == "succeeded"
    weights = [(own.app.state.settings.checkpoints / name / "1/weights.safetensors") for name in ("whole", "parted")]
    assert weights[0].read_bytes() == weights[1].read_bytes()
    metrics = [client.get(f"/v1/jobs/{job['id']}/metrics").json() for job in (whole, parted)]
    assert metrics[0] == metrics[1]


def test_job_that_diverges_keeps_the_metrics_of_its_explosion(client: httpx.Client, own: Server) -> None:
    explosive = {"nonlinearity": "relu", "optimiser": "sgd", "learning_rate": 30.0, "schedule": "constant"}
    config = {**LSTM, **explosive, "momentum": 0.0, "initialisation": "he", "dropout": 0.0, "epochs": 50, "clip": 0}
    job = ask(client, name="exploded", kind="rnn", training_file=upload(client, some_text(200)), config=config)
    with working(own):
        assert over(client, job)["status"] == "failed", job
    assert job["error"]["code"] == "training_failed"
    assert "set clip to 1" in job["error"]["message"]
    points = client.get(f"/v1/jobs/{job['id']}/metrics").json()["data"]
    last = points[-1]
    assert f"diverged at step {last['step']}:" in job["error"]["message"]
    assert None in (last["values"]["loss"], last["values"]["gradient_norm"])
    earlier = [point["values"] for point in points[:-1]]
    assert points[-2]["step"] == last["step"] - 1
    assert all(isinstance(values[name], float) for values in earlier for name in ("loss", "gradient_norm"))
    assert max(values["gradient_norm"] for values in earlier) > 10
    assert job["progress"]["step"] <= last["step"]


@pytest.mark.parametrize(
    ("training", "validation", "body", "code"),
    [
        ("the cat sat\n" * 50, "quite other words\n" * 5, {"kind": "ngram"}, "invalid_input"),
        (" \n\n \n", None, {"kind": "ngram"}, "training_failed"),
        ("the cat sat\n" * 500, None, {"kind": "lstm", "config": {**LSTM, "learning_rate": 1e30}}, "training_failed"),
    ],
    ids=["no known word to measure on", "no text", "numbers that diverge"],
)
def test_jobs_that_cannot_be_trained_fail_clearly(
    client: httpx.Client, own: Server, training: str, validation: str | None, body: dict, code: str
) -> None:
    request = {"name": "failed", "training_file": upload(client, training), **body}
    if validation is not None:
        request["validation_file"] = upload(client, validation)
    job = ask(client, **request)
    with working(own):
        assert over(client, job)["status"] == "failed"
    assert job["error"]["code"] == code, job["error"]
    assert not (own.app.state.settings.checkpoints / "failed").exists()
    assert left_over(own) == []
