"""BodyLimitMiddleware: a limit on the bytes of a body, by its media type."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.core.settings import Settings
from app.http.request_body import STREAMED_TYPES, get_header, strip_parameters

FILES_PATH = "/v1/files"
"""Path at which bodies of any media type are files, with a limit of their own."""
MULTIPART_OVERHEAD_BYTES = 64 * 1024
"""Bytes that the form around a file may take."""


class BodyLimitMiddleware:
    """Middleware that refuses (413) to read more of a body than the settings allow for its media type."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self.settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        limit = self._limit(scope)
        announced = get_header(scope, b"content-length")
        seen = int(announced) if announced.isdecimal() and int(announced) > limit else 0

        async def receive_limited() -> Message:
            nonlocal seen
            message = await receive() if seen <= limit else {"type": "http.request"}
            seen += len(message.get("body", b""))
            if seen > limit:
                raise HTTPException(413, f"the body has more than the {limit} bytes allowed")
            return message

        await self.app(scope, receive_limited, send)

    def _limit(self, scope: Scope) -> int:
        if scope["path"] == FILES_PATH:
            return self.settings.max_file_bytes + MULTIPART_OVERHEAD_BYTES
        is_streamed = strip_parameters(get_header(scope, b"content-type")) in STREAMED_TYPES
        return self.settings.max_upload_bytes if is_streamed else self.settings.max_json_bytes
