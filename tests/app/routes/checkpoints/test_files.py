"""Files of models over HTTP: their list, ranges, caching, and what is not sent."""

import hashlib
import os
from pathlib import Path

import httpx
import pytest

from app.schemas.model_files import ModelFileList
from models.checkpoint.card import CARD_FILE
from tests.helpers.serving import ngram, publish, publish_mixture, serving, wait_for

WORDS = "/v1/models/words@1/files"


def test_list_model_files_tells_sizes_and_hashes(client: httpx.Client, checkpoints: Path) -> None:
    answer = client.get("/v1/models/words/files").json()
    ModelFileList.model_validate(answer)
    assert answer["model"] == "words@1"
    assert [file["name"] for file in answer["data"]] == [CARD_FILE, "tokenizer.json", "weights.safetensors"]
    for file in answer["data"]:
        content = (checkpoints / "words" / "1" / file["name"]).read_bytes()
        assert (file["bytes"], file["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())


@pytest.mark.parametrize("name", [CARD_FILE, "tokenizer.json", "weights.safetensors"])
def test_fetch_model_file_sends_what_lies_on_disk(client: httpx.Client, checkpoints: Path, name: str) -> None:
    content = (checkpoints / "words" / "1" / name).read_bytes()
    answer = client.get(f"{WORDS}/{name}")
    assert answer.content == content
    assert answer.headers["etag"] == f'"{hashlib.sha256(content).hexdigest()}"'
    assert answer.headers["cache-control"] == "max-age=31536000, immutable"
    assert answer.headers["accept-ranges"] == "bytes"


def test_fetch_model_file_sends_ranges(client: httpx.Client, checkpoints: Path) -> None:
    content = (checkpoints / "words" / "1" / "weights.safetensors").read_bytes()
    answer = client.get(f"{WORDS}/weights.safetensors", headers={"range": "bytes=100-"})
    assert (answer.status_code, answer.content) == (206, content[100:])
    assert answer.headers["content-range"] == f"bytes 100-{len(content) - 1}/{len(content)}"
    assert (
        client.get(f"{WORDS}/tokenizer.json", headers={"range": "bytes=-5"}).content
        == ((checkpoints / "words" / "1" / "tokenizer.json").read_bytes()[-5:])
    )


@pytest.mark.parametrize(
    ("byte_range", "status"),
    [("bytes=99999999-", 416), ("bytes=5-3", 416), ("bytes=-0", 416), ("lines=1-", 400), ("bytes=0-1,3-4", 400)],
)
def test_fetch_model_file_refuses_bytes_that_are_not_there(client: httpx.Client, byte_range: str, status: int) -> None:
    answer = client.get(f"{WORDS}/weights.safetensors", headers={"range": byte_range})
    assert answer.status_code == status
    assert answer.json()["error"]["message"]
    if status == 416:
        assert answer.headers["content-range"].startswith("bytes */")


def test_fetch_model_file_sends_all_where_the_copy_is_of_another_file(client: httpx.Client) -> None:
    headers = {"range": "bytes=100-", "if-range": '"another"'}
    assert client.get(f"{WORDS}/weights.safetensors", headers=headers).status_code == 200


def test_fetch_model_file_of_a_name_alone_is_asked_for_again(client: httpx.Client) -> None:
    answer = client.get("/v1/models/words/files/tokenizer.json")
    assert answer.headers["cache-control"] == "no-cache"
    again = client.get("/v1/models/words/files/tokenizer.json", headers={"if-none-match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("name", ["secret.txt", "..%2F..%2Fgru%2F1%2Fcard.json", ".lock", "weights"])
def test_fetch_model_file_sends_the_files_of_the_card_alone(client: httpx.Client, checkpoints: Path, name: str) -> None:
    (checkpoints / "words" / "1" / "secret.txt").write_text("nobody's business")
    answer = client.get(f"{WORDS}/{name}")
    assert answer.status_code == 404
    assert "nobody" not in answer.text


def test_fetch_model_file_of_a_composite_is_its_card(tmp_path: Path) -> None:
    publish(tmp_path / "models", "one", ngram())
    publish(tmp_path / "models", "two", ngram(order=2))
    publish_mixture(tmp_path / "models", "mix", "one", "two")
    with serving(tmp_path / "models") as server:
        answer = httpx.get(f"{server.url}/v1/models/mix/files", timeout=60).json()
    assert [file["name"] for file in answer["data"]] == [CARD_FILE]
    assert answer["members"] == ["one@1", "two@1"]


@pytest.mark.parametrize("map_in_place", [True, False])
def test_fetch_model_file_sends_no_altered_byte(tmp_path: Path, map_in_place: bool) -> None:
    """Of a file that is altered on disk the copy is sent that was verified, or none."""
    ref = publish(tmp_path / "models", "words", ngram())
    weights = ref.path / "weights.safetensors"
    content = weights.read_bytes()
    # Looked at once only: the folder's watcher would otherwise find the change first.
    with serving(tmp_path / "models", map_in_place=map_in_place, reload_seconds=3600) as server:
        weights.chmod(0o644)
        weights.write_bytes(content[:-1] + b"!")
        os.utime(weights, (1, 1))
        answer = httpx.get(f"{server.url}{WORDS}/weights.safetensors", timeout=60)
        assert answer.status_code == 503
        assert answer.json()["error"]["code"] == "model_unusable"


def test_fetch_model_file_of_a_deleted_model_is_gone(tmp_path: Path) -> None:
    publish(tmp_path / "models", "words", ngram())
    with serving(tmp_path / "models") as server, httpx.Client(base_url=server.url, timeout=60) as client:
        assert client.get(f"{WORDS}/card.json").status_code == 200
        client.delete("/v1/models/words@1")
        wait_for(lambda: client.get(f"{WORDS}/card.json").status_code == 404)
