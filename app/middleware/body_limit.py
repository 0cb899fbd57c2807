"""The module `app.middleware.body_limit`."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.core.settings import Settings
from app.http.request_body import UPLOADS, bare, header

FILES = "/v1/files"
"""Where bodies of any kind are files, with a limit of their own."""


FORM_BYTES = 64 * 1024
"""What a form around a file may take."""


class BodyLimit:
    """Refuses, with status 413, to read more of a body than the settings allow for its media type."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self.settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        limit = self._limit(scope)
        announced = header(scope, b"content-length")
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
        if scope["path"] == FILES:
            return self.settings.max_file_bytes + FORM_BYTES
        upload = bare(header(scope, b"content-type")) in UPLOADS
        return self.settings.max_upload_bytes if upload else self.settings.max_json_bytes
