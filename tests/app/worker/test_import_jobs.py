"""Imports over HTTP: an uploaded file of ARPA text becomes a model that a worker publishes."""

import lzma
from collections.abc import Iterator

import httpx
import pytest

from app.schemas.jobs.answers import JobAnswer
from models.utils.file_kinds import KENLM_MAGIC
from tests.helpers.jobs import ask, over, upload, working
from tests.helpers.serving import Server, ngram, publish, serving, wait_for

FOX = """\\data\\
ngram 1=6
ngram 2=6

\\1-grams:
-1.000000\t<unk>
-99\t<s>\t-0.176091
-0.698970\t</s>
-0.602060\tred\t-0.273001
-0.602060\tfo\xa0x\t-0.477121
-0.698970\truns\t-0.425969

\\2-grams:
-0.301030\t<s> red
-0.221849\tred fo\xa0x
-0.301030\tfo\xa0x runs
-0.154902\truns </s>
-0.522879\tfo\xa0x </s>
-0.4\t</s> <s>

\\end\\
"""
SPOILED = FOX.replace("runs\t-0.425969", "runs\t0.5")
"""After "runs": 0.7 and 10^0.5 of the 0.8 that are left."""


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    checkpoints = tmp_path_factory.mktemp("imports") / "checkpoints"
    publish(checkpoints, "words", ngram())
    with serving(checkpoints, job_threads=1) as running, working(running):
        yield running


def test_import_job_publishes_a_model_that_answers(client: httpx.Client) -> None:
    job = over(client, ask(client, kind="import", name="fox", file=upload(client, FOX, "fox.arpa"), licence="CC0-1.0"))
    JobAnswer.model_validate(job)
    assert (job["status"], job["model"]) == ("succeeded", "fox@1"), job["error"]
    assert "1 n-grams with </s> or <s> inside" in str(job["result"])
    wait_for(lambda: client.get("/v1/models/fox").status_code == 200)
    card = client.get("/v1/models/fox").json()["card"]
    assert (card["normalized"], card["provenance"]["licence"], card["provenance"]["job"]) == (
        True,
        "CC0-1.0",
        job["id"],
    )
    answer = client.post("/v1/models/fox/probability", json={"text": "red fo\xa0x runs"}).json()
    # four listed bigrams: 0.5, 0.6, 0.5 and 0.7
    assert answer["results"][0]["probability"] == pytest.approx(0.5 * 0.6 * 0.5 * 0.7, rel=1e-5)
    assert "normalized" not in answer


def test_import_job_refuses_a_model_that_is_not_normalized_unless_allowed(client: httpx.Client) -> None:
    file = upload(client, SPOILED, "spoiled.arpa")
    job = over(client, ask(client, kind="import", name="spoiled", file=file))
    assert (job["status"], job["error"]["code"]) == ("failed", "invalid_input")
    assert "after 'runs', where the sum is 3.22" in job["error"]["message"]
    job = over(client, ask(client, kind="import", name="spoiled", file=file, allow_unnormalized=True))
    assert job["status"] == "succeeded", job["error"]
    wait_for(lambda: client.get("/v1/models/spoiled").status_code == 200)
    answer = client.post("/v1/models/spoiled/probability", json={"text": "red"}).json()
    assert answer["normalized"] is False


def test_import_job_reads_a_compressed_upload_and_refuses_a_binary_of_kenlm(client: httpx.Client) -> None:
    file = client.post("/v1/files", files={"file": ("fox.arpa.xz", lzma.compress(FOX.encode()))}).json()["id"]
    assert over(client, ask(client, kind="import", name="packed", file=file))["status"] == "succeeded"
    binary = client.post(
        "/v1/files", files={"file": ("fox.bin", KENLM_MAGIC + b" format version 5\n" + bytes(99))}
    ).json()
    answer = client.post("/v1/jobs", json={"kind": "import", "name": "fox", "file": binary["id"]})
    assert answer.status_code == 400
    assert "a binary of KenLM" in answer.json()["error"]["message"]


def test_import_job_without_a_model_in_its_file_fails_with_the_line(client: httpx.Client) -> None:
    job = over(client, ask(client, kind="import", name="none", file=upload(client, "the cat sat\n", "cat.txt")))
    assert (job["status"], job["error"]["code"]) == ("failed", "invalid_input")
    assert "line 1" in job["error"]["message"]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"file": "file-none"}, "file"),
        ({"tokenizer": {"kind": "character"}}, "tokenizer.kind"),
        ({"tokenizer": {"kind": "file"}}, "tokenizer.file"),
        ({"name": "No!"}, "name"),
        ({"validation_file": "file-none"}, "import.validation_file"),
    ],
)
def test_import_job_names_the_field_that_is_wrong(client: httpx.Client, fields: dict, param: str) -> None:
    body = {"kind": "import", "name": "fox", "file": upload(client, FOX, "fox.arpa")} | fields
    answer = client.post("/v1/jobs", json=body)
    assert answer.status_code in (400, 422)
    assert answer.json()["error"]["param"].removeprefix("body.") in (param, param.removeprefix("import."))
