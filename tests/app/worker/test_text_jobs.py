"""Jobs on text as people have it: compressed, in other encodings, of one line, in marks of sentences."""

import gzip
from collections.abc import Iterator

import httpx
import pytest

from models.data.sentence_marks import SentenceMarks
from tests.helpers.jobs import ask, over, working
from tests.helpers.serving import Server, ngram, publish, serving, wait_for
from tests.helpers.texts import some_text

TEXT = some_text(120).replace("the", "café")
NGRAM = {"kind": "ngram", "config": {"order": 2, "smoothing": "add_delta"}}


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    checkpoints = tmp_path_factory.mktemp("texts") / "checkpoints"
    publish(checkpoints, "words", ngram())
    with serving(checkpoints, job_threads=1) as running, working(running):
        yield running


def put(client: httpx.Client, data: bytes, **params: str) -> str:
    answer = client.post("/v1/files", content=data, params=params, headers={"content-type": "text/plain"})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def metrics(job: dict) -> dict:
    assert job["status"] == "succeeded", job["error"]
    return {name: value for name, value in job["result"]["metrics"].items() if name != "training"}


def test_training_over_http_reads_text_in_every_form(client: httpx.Client) -> None:
    files = {
        "plain": put(client, TEXT.encode()),
        "latin": put(client, gzip.compress(TEXT.encode("latin-1")), encoding="latin-1"),
        "utf-16": put(client, TEXT.replace("\n", "\r\n").encode("utf-16")),
        "marks": put(client, "".join(f"<s> {line} </s>\r" for line in TEXT.splitlines()).encode()),
    }
    jobs = {name: over(client, ask(client, name=name, training_file=file, **NGRAM)) for name, file in files.items()}
    plain = metrics(jobs["plain"])
    assert metrics(jobs["latin"]) == metrics(jobs["utf-16"]) == plain
    assert metrics(jobs["marks"]) == plain | {"notes": SentenceMarks(begin=True, end=True).notes()}
    wait_for(lambda: client.get("/v1/models/latin").status_code == 200)
    figures = client.post("/v1/models/latin/perplexity", json={"text": "café cat"}).json()
    assert figures["oov_count"] == 0


def test_training_over_http_cuts_a_single_line_and_says_so(client: httpx.Client) -> None:
    file = put(client, " ".join(TEXT.split()).encode())
    job = over(client, ask(client, name="line", training_file=file, **NGRAM))
    assert metrics(job)["notes"] == ["the text is one line: it is cut between two words, and its last part held out"]


def test_evaluation_over_http_reads_the_encoding_of_the_upload(client: httpx.Client) -> None:
    results = []
    for data, params in ((TEXT.encode(), {}), (TEXT.encode("utf-16-le"), {"encoding": "utf-16-le"})):
        job = ask(client, kind="evaluate", model="words", validation_file=put(client, data, **params))
        results.append(over(client, job)["result"])
    assert results[0] == results[1]


def test_training_over_http_names_the_file_that_is_in_another_encoding(client: httpx.Client) -> None:
    file = put(client, TEXT.encode("latin-1"), encoding="latin-1", filename="old.txt")
    job = over(client, ask(client, name="wrong", training_file=file, encoding="utf-8", **NGRAM))
    assert job["status"] == "failed"
    assert "old.txt: must be UTF-8, and byte" in job["error"]["message"]
    assert "looks like Latin-1" in job["error"]["message"]
