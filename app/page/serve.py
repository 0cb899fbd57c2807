"""Routes of the page: `/` is its HTML, `/page/...` its scripts, styles and pictures.

The files are read when a browser asks for them, so an API that nobody looks at pays nothing. Browsers keep them, and
ask each time whether they are still the same (`ETag`), so that a page never runs with the scripts of an older server.
"""

from __future__ import annotations

import gzip
import hashlib
from functools import lru_cache
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from app.http.accept import accepts_gzip, matches_tag

FILES = Path(__file__).with_name("static")
PREFIX = "/page/"
"""Beginning of the paths of files."""
MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
HEADERS = {
    "cache-control": "no-cache",
    "content-security-policy": "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "object-src 'none'",
    "cross-origin-opener-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",  # what older browsers read instead of frame-ancestors
}
"""Headers that keep the page to itself: it loads from this server alone, and stands in no frame of another page."""


def add_page(app: FastAPI) -> None:
    """Serve the page at / and its files below /page/."""
    # Routes of Starlette: those of FastAPI, which reads signatures, would add 20 ms to a service's start.
    app.add_route("/", home, methods=["GET"], include_in_schema=False)
    app.add_route(PREFIX + "{path:path}", page_file, methods=["GET"], include_in_schema=False)


def home(request: Request) -> Response:
    """Answer with the page's HTML."""
    return _answer(request, FILES / "index.html")


def page_file(request: Request) -> Response:
    """Answer with a file of the page. Raises HTTPException (404) for any other path."""
    file = FILES / request.path_params["path"]
    if file not in FILES.rglob("*.*"):  # nothing else can be named, whatever dots and slashes the path holds
        raise HTTPException(404)
    return _answer(request, file)


def _answer(request: Request, file: Path) -> Response:
    content = file.read_bytes()
    tag = f'W/"{hashlib.sha256(content).hexdigest()[:32]}"'
    headers = {**HEADERS, "etag": tag, "vary": "accept-encoding"}
    if matches_tag(tag, request.headers.get("if-none-match", "")):
        return Response(status_code=304, headers=headers)
    if accepts_gzip(request.headers.get("accept-encoding", "")):
        content, headers["content-encoding"] = _compressed(content), "gzip"
    return Response(content, headers=headers, media_type=MEDIA_TYPES[file.suffix])


@lru_cache(maxsize=64)
def _compressed(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)
