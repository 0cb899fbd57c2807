"""Jobs of tasks from upload to measuring: real workers, child processes and a real service."""

from __future__ import annotations

import io

import httpx
import numpy as np
import pytest

from tests.helpers.jobs import ask, begun, left_over, over, upload, working
from tests.helpers.serving import Server, publish, recurrent, wait_for
from tests.helpers.texts import some_text

SMALL = {"encoder": {"embedding_size": 8, "hidden_size": 8}, "training": {"epochs": 3, "batch_size": 8}}


def labelled(rows: int = 60) -> str:
    """Rows of a table whose label is told by one word."""
    lines = [f"a {'good' if i % 2 else 'bad'} film number {i % 7},{'pos' if i % 2 else 'neg'}" for i in range(rows)]
    return "\n".join(["text,label", *lines]) + "\n"


def test_jobs_train_publish_and_measure_a_classifier(client: httpx.Client, own: Server) -> None:
    training, held_out = upload(client, labelled(), "films.csv"), upload(client, labelled(20), "more.csv")
    body = {"kind": "classifier", "config": {"pooling": "mean"}, **SMALL, "licence": "mine"}
    trained = ask(client, name="films", training_file=training, validation_file=held_out, **body)
    with working(own):
        assert over(client, trained)["status"] == "succeeded", trained
        wait_for(lambda: client.get("/v1/models/films").status_code == 200)
        measured = ask(client, kind="evaluate", model="films", validation_file=held_out)
        assert over(client, measured)["status"] == "succeeded", measured
    figures = trained["result"]["metrics"]["validation"]
    assert measured["result"] == {"model": "films@1", **figures}
    assert figures["examples"] == 20
    assert trained["result"]["metrics"]["int8"]["examples"] == 20
    card = client.get("/v1/models/films@1").json()["card"]
    assert (card["kind"], card["config"]["classifier"]["pooling"]) == ("classifier", "mean")
    provenance = card["provenance"]
    assert (provenance["job"], provenance["licence"]) == (trained["id"], "mine")
    assert set(provenance["corpus"]) == {"films.csv", "more.csv"}
    assert provenance["recipe"]["files"] == ["films.csv"]
    steps = client.get(f"/v1/jobs/{trained['id']}/metrics").json()["data"]
    assert "validation_accuracy" in steps[-1]["values"]
    assert left_over(own) == []


def test_jobs_read_several_files_as_one(client: httpx.Client, own: Server) -> None:
    files = [upload(client, "a good film\n" * 12, "good.txt"), upload(client, "a bad film\n" * 12, "bad.txt")]
    body = {"kind": "classifier", "format": {"format": "lines", "file_labels": ["pos", "neg"]}, **SMALL}
    job = ask(client, name="lines", training_file=files, **body)
    for file in files:
        assert client.delete(f"/v1/files/{file}").json()["error"]["code"] == "file_in_use"
    with working(own):
        assert over(client, job)["status"] == "succeeded", job
        wait_for(lambda: client.get("/v1/models/lines").status_code == 200)
    assert client.get("/v1/models/lines").json()["card"]["config"]["labels"] == ["neg", "pos"]
    assert client.delete(f"/v1/files/{files[1]}").status_code == 200


def test_jobs_begin_with_word_vectors(client: httpx.Client, own: Server) -> None:
    training = upload(client, labelled(), "films.csv")
    text = upload(client, "good 1 1 1 1 1 1 1 1\nunheard 2 2 2 2 2 2 2 2\nlater 3 3 3 3 3 3 3 3\n", "v.txt")
    array = io.BytesIO()
    np.save(array, np.ones((2, 8), np.float32))
    npy = str(client.post("/v1/files", files={"file": ("v.npy", array.getvalue())}).json()["id"])
    words = upload(client, "good\nunheard\n", "words.txt")
    body = {"kind": "classifier", "training_file": training, "extra_words": 2, **SMALL}
    jobs = [
        ask(client, name="text-vectors", vectors_file=text, **body),
        ask(client, name="npy-vectors", vectors_file=npy, vector_words_file=words, **body),
    ]
    with working(own):
        for job in jobs:
            assert over(client, job)["status"] == "succeeded", job
            wait_for(lambda job=job: client.get(f"/v1/models/{job['model']}").status_code == 200)
    for job in jobs:
        tokens = client.get(f"/v1/models/{job['model']}/vocabulary?prefix=unhear").json()["data"]
        assert [token["token"] for token in tokens] == ["unheard"]
    assert client.get("/v1/models/npy-vectors").json()["card"]["provenance"]["corpus"].keys() == {
        "films.csv",
        "v.npy",
        "words.txt",
    }


def test_jobs_begin_with_a_published_language_model(client: httpx.Client, own: Server) -> None:
    publish(own.app.state.settings.checkpoints, "origin", recurrent())
    wait_for(lambda: client.get("/v1/models/origin").status_code == 200)
    training = upload(client, labelled(), "films.csv")
    body = {"kind": "classifier", "training_file": training, "initialize_from": "origin", "training": {"epochs": 1}}
    refused = client.post("/v1/jobs", json={"name": "x", **body, "encoder": {"embedding_size": 9}})
    assert refused.status_code == 400
    assert refused.json()["error"]["param"] == "encoder.embedding_size"
    for change in ({"extra_words": 3}, {"tokenizer": {"lowercase": True}}):
        shape = {"embedding_size": 12, "hidden_size": 16}
        refused = client.post("/v1/jobs", json={"name": "x", **body, "encoder": shape, **change})
        assert refused.json()["error"]["param"] == next(iter(change))
    job = ask(client, name="begun", **body, encoder={"embedding_size": 12, "hidden_size": 16})
    assert job["request"]["initialize_from"] == "origin@1"
    with working(own):
        assert over(client, job)["status"] == "succeeded", job
    assert job["result"]["metrics"]["training"]["initialized"] == ["embedding", "forward_layers.0"]


def test_worker_told_to_stop_saves_a_state_of_a_task_to_resume(client: httpx.Client, own: Server) -> None:
    body = {"kind": "classifier", "training_file": upload(client, labelled(400), "films.csv"), **SMALL}
    body["training"] = {"epochs": 12, "batch_size": 4}
    whole, parted = ask(client, name="whole", **body), ask(client, name="parted", **body)
    with working(own):
        assert over(client, whole)["status"] == "succeeded"
        begun(client, parted)
    back = client.get(f"/v1/jobs/{parted['id']}").json()
    assert (back["status"], back["attempt"]) == ("queued", 1)
    with working(own):
        assert over(client, parted)["status"] == "succeeded"
    weights = [(own.app.state.settings.checkpoints / name / "1/weights.safetensors") for name in ("whole", "parted")]
    assert weights[0].read_bytes() == weights[1].read_bytes()
    metrics = [client.get(f"/v1/jobs/{job['id']}/metrics").json() for job in (whole, parted)]
    assert metrics[0] == metrics[1]


@pytest.mark.parametrize(
    ("content", "change", "field", "message"),
    [
        ("text,label\na,b\nc\n", {}, "training_file", "films.csv, line 3"),
        ("text,mark\na,b\n", {}, "training_file", "films.csv, line 1"),
        (labelled(), {"config": {"pooling": "median"}}, "config.pooling", "'max', 'mean'"),
        (labelled(), {"config": {"order": 3}}, "config.order", "unknown"),
        (labelled(), {"encoder": {"layers": 0}}, "encoder.layers", "at least 1"),
        (labelled(), {"training": {"epochs": "two"}}, "training.epochs", "number"),
        (labelled(), {"format": {"format": "xml"}}, "format.format", "csv"),
        (labelled(), {"vectors_file": "file-0"}, "vectors_file", "upload it"),
        (labelled(), {"initialize_from": "nobody"}, "initialize_from", "there is no model"),
        (labelled(), {"extra_words": 5}, "extra_words", "initialize_from"),
        (labelled(), {"training_file": []}, "training_file", ""),
        (labelled(), {"validation_file": "file-0", "validation_fraction": 0.5}, "validation_fraction", "not both"),
        (labelled(), {"encoder": {"hidden_size": 10**6}}, "config", "at most"),
        (labelled(), {"encoder": {"hidden_size": 10**400}}, "config", "would take"),
        (labelled(), {"training": {"seed": 10**400}}, "training.seed", "below 2**63"),
    ],
)
def test_submission_names_the_field_of_a_fault(
    client: httpx.Client, content: str, change: dict, field: str, message: str
) -> None:
    file = upload(client, content, "films.csv")
    answer = client.post("/v1/jobs", json={"name": "x", "kind": "classifier", "training_file": file, **change})
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert error["param"].startswith(field)
    assert message in error["message"]
    assert "/tmp" not in error["message"]


def test_job_on_a_large_file_names_the_line_of_its_fault(client: httpx.Client, own: Server) -> None:
    content = labelled() + ("a longer text that fills the file,pos\n" * 40_000) + "no label\n"
    job = ask(client, name="large", kind="classifier", training_file=upload(client, content, "films.csv"))
    with working(own):
        assert over(client, job)["status"] == "failed"
    assert job["error"]["code"] == "invalid_text"
    assert job["error"]["message"].startswith("films.csv, line 40062")


def test_evaluation_refuses_what_does_not_go_with_the_model(client: httpx.Client, own: Server) -> None:
    publish(own.app.state.settings.checkpoints, "plain", recurrent())
    wait_for(lambda: client.get("/v1/models/plain").status_code == 200)
    body = {"kind": "evaluate", "validation_file": upload(client, labelled(), "films.csv")}
    refused = client.post("/v1/jobs", json={**body, "model": "plain", "format": {"format": "csv"}})
    assert refused.json()["error"]["param"] == "format"


TAGGED = "the\tDET\nold\tADJ\ncat\tNOUN\nsaw\tVERB\na\tDET\nbird\tNOUN\n\na\tDET\ndog\tNOUN\nslept\tVERB\n\n" * 12


STORIES = "".join(
    f"1 Mary went to the {place}.\n2 John took {i} apples.\n3 Where is Mary?\t{place}\t1\n"
    for i, place in enumerate(("kitchen", "office", "hallway") * 5)
)


@pytest.mark.parametrize(
    ("kind", "name", "content", "config", "figure"),
    [
        ("naive_bayes", "films.csv", labelled(), {"order": 1}, "accuracy"),
        ("logistic_regression", "films.csv", labelled(), {"naive_bayes": True}, "accuracy"),
        ("hmm_tagger", "tags.conll", TAGGED, {"order": 2}, "accuracy"),
        ("tagger", "tags.conll", TAGGED, {"crf": True}, "accuracy"),
        ("nearest_sentence", "q.txt", STORIES, {"target": "answers"}, "exact_match"),
        ("reader", "q.txt", STORIES, {"match_size": 4}, "exact_match"),
        ("fill_in", "text.txt", some_text(60), {"mlp_size": 8, "sampled_words": 0}, "accuracy_at_10"),
    ],
)
def test_jobs_make_and_measure_models_of_every_kind(
    client: httpx.Client, own: Server, kind: str, name: str, content: str, config: dict, figure: str
) -> None:
    file = upload(client, content, name)
    shape = {"format": {"format": "babi"}} if name == "q.txt" else {}
    body = shape | (SMALL if kind in ("tagger", "fill_in", "reader") else {})
    model = kind.replace("_", "-")
    job = ask(client, name=model, kind=kind, training_file=file, config=config, **body)
    with working(own):
        assert over(client, job)["status"] == "succeeded", job
        wait_for(lambda: client.get(f"/v1/models/{model}").status_code == 200)
        measured = ask(client, kind="evaluate", model=model, validation_file=file, **shape)
        assert over(client, measured)["status"] == "succeeded", measured
    assert 0 <= job["result"]["metrics"]["validation"][figure] <= 1
    assert 0 <= measured["result"][figure] <= 1
    assert client.get(f"/v1/models/{model}").json()["card"]["kind"] == kind
    refused = client.post(
        "/v1/jobs", json={"kind": "evaluate", "model": model, "validation_file": file, "unit": "lines"}
    )
    assert refused.json()["error"]["param"] == "unit"
