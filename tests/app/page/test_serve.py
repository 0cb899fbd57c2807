"""The page's routes: files, their headers, and nothing beside them."""

import gzip
import re
import subprocess
import sys
import tarfile
from pathlib import Path
from zipfile import ZipFile

import httpx
import pytest

from app.page.serve import FILES

PATHS = ["/", *(f"/page/{file.relative_to(FILES)}" for file in FILES.rglob("*.*"))]


@pytest.mark.parametrize("path", PATHS)
def test_page_file_is_answered_once_and_then_known(client: httpx.Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-cache"
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'self';")
    assert "unsafe" not in policy
    for tag in (answer.headers["etag"], answer.headers["etag"].removeprefix("W/")):
        again = client.get(path, headers={"if-none-match": tag})
        assert (again.status_code, again.content) == (304, b"")
    assert client.head(path).headers["content-length"] == answer.headers["content-length"]


@pytest.mark.parametrize("path", ["/page/", "/page/core", "/page/../serve.py", "/page/%2e%2e/serve.py", "/page//x.js"])
def test_page_file_of_another_path_is_not_there(client: httpx.Client, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "route_not_found")


def test_page_file_is_compressed_for_whoever_takes_it(client: httpx.Client) -> None:
    path = "/page/core/api.js"
    plain = client.get(path, headers={"accept-encoding": "gzip;q=0"})
    packed = client.get(path, headers={"accept-encoding": "gzip"})
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert int(packed.headers["content-length"]) < len(plain.content) / 2
    assert packed.content == plain.content == (FILES / "core/api.js").read_bytes()


def test_page_is_small() -> None:
    """In bytes: what is sent, and the code without the types that are written in comments."""
    texts = {file.relative_to(FILES): file.read_text() for file in FILES.rglob("*.*")}
    assert sum(len(gzip.compress(text.encode())) for text in texts.values()) < 120_000
    sizes = {path: len(re.sub(r"(?ms)^\s*/\*\*.*?\*/\n", "", text).encode()) for path, text in texts.items()}
    assert sum(sizes.values()) < 200_000, sizes
    assert max(size for path, size in sizes.items() if path.parts[0] == "views") < 10_000, sizes


def test_page_has_no_inline_script_or_style_and_loads_from_nowhere_else() -> None:
    html = (FILES / "index.html").read_text()
    assert re.search(r"<style|style=| on\w+=|<script(?![^>]*src=)|javascript:", html) is None
    for file in FILES.rglob("*.*"):
        addresses = set(re.findall(r"https?://[^\"'\s)]+", file.read_text())) - {"http://www.w3.org/2000/svg"}
        assert addresses == set(), file


@pytest.mark.parametrize("kind", ["wheel", "sdist"])
def test_page_files_are_in_what_is_installed(kind: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(tmp_path)]
    subprocess.run(command, cwd=FILES.parents[2], check=True, capture_output=True)
    (built,) = tmp_path.iterdir()
    with ZipFile(built) if kind == "wheel" else tarfile.open(built) as archive:
        names = archive.namelist() if isinstance(archive, ZipFile) else archive.getnames()
    packed = {name.partition("app/page/static/")[2] for name in names if "/page/static/" in name and "." in name}
    assert packed == {str(file.relative_to(FILES)) for file in FILES.rglob("*.*")}
