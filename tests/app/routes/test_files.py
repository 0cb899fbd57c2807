"""Uploads over HTTP: forms and raw streams, refusals, listing and fetching."""

from __future__ import annotations

import asyncio
import errno
import gzip
import hashlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from app.http.multipart_upload import MultipartUpload
from app.routes.files import FORM_FIELDS, write_upload
from app.schemas.files import FileAnswer, FileList
from app.storage.files.upload import Upload
from models.errors import InvalidInput
from tests.helpers.serving import Server, serving, wait_for

TEXT = b"the cat sat\n" * 1000


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("files") / "checkpoints", max_file_bytes=1 << 20) as running:
        yield running


@pytest.fixture
def client(own: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=own.url, timeout=30) as opened:
        yield opened


def put(client: httpx.Client, text: bytes = TEXT, filename: str = "a.txt") -> dict:
    answer = client.post("/v1/files", files={"file": (filename, text)}, data={"purpose": "training"})
    assert answer.status_code == 201, answer.text
    FileAnswer.model_validate(answer.json())
    return answer.json()


def error(answer: httpx.Response) -> tuple[int, str, str | None]:
    detail = answer.json()["error"]
    return answer.status_code, detail["code"], detail["param"]


def left_over(own: Server) -> list[Path]:
    return list((own.app.state.settings.data / "files" / "incoming").glob("*"))


def test_upload_of_a_form_can_be_fetched(client: httpx.Client) -> None:
    file = put(client, filename="C:\\texts\\corpus.txt")
    assert (file["object"], file["bytes"], file["filename"], file["purpose"]) == (
        "file", len(TEXT), "corpus.txt", "training",
    )  # fmt: skip
    assert client.get(f"/v1/files/{file['id']}").json() == file
    content = client.get(f"/v1/files/{file['id']}/content")
    assert (content.content, content.headers["content-type"]) == (TEXT, "text/plain; charset=utf-8")


def test_upload_of_an_array_is_fetched_as_bytes(client: httpx.Client) -> None:
    array = b"\x93NUMPY\x01\x00 and any bytes \xff"
    file = client.post("/v1/files", files={"file": ("v.npy", array)}).json()
    content = client.get(f"/v1/files/{file['id']}/content")
    assert (content.content, content.headers["content-type"]) == (array, "application/octet-stream")


@pytest.mark.parametrize("name", ["..", "a/..", ""])
def test_upload_refuses_names_that_are_no_file(client: httpx.Client, name: str) -> None:
    answer = client.post("/v1/files", content=TEXT, params={"filename": name}, headers={"content-type": "text/plain"})
    assert error(answer) == (400, "invalid_input", "filename")


@pytest.mark.parametrize("kind", ["text/plain", "application/octet-stream", "application/x-www-form-urlencoded"])
def test_upload_of_a_raw_stream_is_a_file(client: httpx.Client, kind: str) -> None:
    pieces = (TEXT[start : start + 999] for start in range(0, len(TEXT), 999))  # sent without a length
    query = {"filename": "raw.txt", "purpose": "validation"}
    answer = client.post("/v1/files", content=pieces, params=query, headers={"content-type": kind})
    assert answer.status_code == 201, answer.text
    assert answer.json()["filename"] == "raw.txt"
    assert answer.json()["purpose"] == "validation"
    assert client.get(f"/v1/files/{answer.json()['id']}/content").content == TEXT


def test_upload_twice_is_one_file(client: httpx.Client) -> None:
    assert put(client) == put(client)


def test_files_are_listed_page_by_page_and_deleted(client: httpx.Client) -> None:
    ids = [put(client, f"{n}".encode(), f"{n}.txt")["id"] for n in range(3)][::-1]
    first = client.get("/v1/files", params={"limit": 2}).json()
    FileList.model_validate(first)
    assert [file["id"] for file in first["data"]] == ids[:2]
    assert first["has_more"]
    assert client.get("/v1/files", params={"after": ids[1], "limit": 1}).json()["data"][0]["id"] == ids[2]
    assert error(client.get("/v1/files", params={"after": "file-none"})) == (400, "invalid_input", "after")
    for file_id in ids:
        deleted = client.delete(f"/v1/files/{file_id}").json()
        assert deleted == {"id": file_id, "object": "file", "deleted": True}
    assert error(client.get(f"/v1/files/{ids[0]}")) == (404, "not_found", None)


@pytest.mark.parametrize(
    ("text", "message"), [(b"caf\xe9 noir", "offset 3"), (b"", "empty"), ("né".encode()[:-1], "offset 1")]
)
def test_upload_refuses_bytes_that_are_not_text(client: httpx.Client, own: Server, text: bytes, message: str) -> None:
    answer = client.post("/v1/files", files={"file": ("a", text)})
    assert error(answer) == (400, "invalid_text", "file")
    assert message in answer.json()["error"]["message"]
    assert left_over(own) == []


def test_upload_refuses_large_files(client: httpx.Client, own: Server) -> None:
    text = b"a" * ((1 << 20) + 1)
    assert error(client.post("/v1/files", files={"file": ("a", text)}))[:2] == (413, "file_too_large")
    endless = (text for _ in range(8))
    assert client.post("/v1/files", content=endless).status_code == 413
    assert left_over(own) == []


@pytest.mark.parametrize(
    ("files", "data", "param"),
    [
        ({}, {"purpose": "x"}, "file"),
        ({"file": ("a", b"x")}, {"colour": "red"}, "colour"),
        ({"file": ("a", b"x")}, {"purpose": "Not This"}, "purpose"),
    ],
)
def test_upload_of_a_bad_form_names_the_field(client: httpx.Client, files: dict, data: dict, param: str) -> None:
    answer = client.post("/v1/files", files=files or {"other": ("", b"")}, data=data)
    assert error(answer)[0::2] in {(400, param), (400, "other")}


def test_upload_by_a_client_that_disconnects_leaves_nothing(client: httpx.Client, own: Server) -> None:
    def breaks_off() -> Iterator[bytes]:
        yield TEXT
        raise ConnectionError

    with pytest.raises(ConnectionError):
        client.post("/v1/files", content=breaks_off())
    put(client)  # by now the server has noticed
    wait_for(lambda: left_over(own) == [])


def test_upload_reports_a_full_disk(client: httpx.Client, own: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("app.storage.files.upload.os.fsync", full)
    answer = client.post("/v1/files", files={"file": ("a", TEXT)})
    assert error(answer) == (507, "disk_full", None)
    assert left_over(own) == []


def test_upload_of_compressed_text_keeps_its_bytes(client: httpx.Client) -> None:
    data = gzip.compress(TEXT)
    file = put(client, data, "corpus.txt.gz")
    assert (file["bytes"], file["content_bytes"], file["encoding"]) == (len(data), len(TEXT), None)
    assert file["sha256"] == hashlib.sha256(data).hexdigest()
    assert client.get(f"/v1/files/{file['id']}/content").content == data


def test_upload_bounds_what_compressed_text_holds(client: httpx.Client, own: Server) -> None:
    bomb = gzip.compress(bytes(2 << 20))
    answer = client.post("/v1/files", files={"file": ("bomb.gz", bomb)})
    assert error(answer)[0] == 413
    assert "decompressed, the file has more than the 1048576 bytes allowed" in answer.json()["error"]["message"]
    assert left_over(own) == []


@pytest.mark.parametrize("way", ["query", "charset", "form"])
def test_upload_takes_the_encoding_of_a_text(client: httpx.Client, way: str) -> None:
    text = "le caf\u00e9 est ferm\u00e9\n".encode("latin-1")
    plain = {"content-type": "text/plain"}
    refused = client.post("/v1/files", content=text, headers=plain)
    assert error(refused) == (400, "invalid_text", "file")
    assert 'it looks like Latin-1: say so with `encoding` "latin-1"' in refused.json()["error"]["message"]
    requests = {
        "query": {"content": text, "headers": plain, "params": {"encoding": "latin-1"}},
        "charset": {"content": text, "headers": {"content-type": "text/plain; charset=latin-1"}},
        "form": {"files": {"file": ("a.txt", text)}, "data": {"encoding": "latin-1"}},
    }
    file = client.post("/v1/files", **requests[way]).json()
    assert file["encoding"] == "latin-1"
    assert client.get(f"/v1/files/{file['id']}").json() == file


def test_upload_refuses_an_unknown_encoding(client: httpx.Client) -> None:
    plain = {"content-type": "text/plain"}
    answer = client.post("/v1/files", content=TEXT, params={"encoding": "utf-99"}, headers=plain)
    assert error(answer) == (400, "invalid_input", "encoding")


def test_upload_refuses_an_encoding_that_comes_after_the_file(tmp_path: Path) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b'--x\r\ncontent-disposition: form-data; name="file"; filename="a.txt"\r\n\r\nthe cat'
        yield b'\r\n--x\r\ncontent-disposition: form-data; name="encoding"\r\n\r\nlatin-1\r\n--x--\r\n'

    form = MultipartUpload("multipart/form-data; boundary=x", FORM_FIELDS)
    with (
        Upload(tmp_path / "new", 100) as incoming,
        pytest.raises(InvalidInput, match="encoding: must stand before the file"),
    ):
        asyncio.run(write_upload(pieces(), incoming, form))
