"""OrjsonResponse: an answer of plain dictionaries and lists, written by orjson.

orjson would write null for NaN and infinities; `app.schemas.base.logprob_fields` keeps them out of answers.
"""

from __future__ import annotations

from typing import Any

from fastapi.responses import Response
from orjson import dumps


class OrjsonResponse(Response):
    """An answer of a dictionary."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """Return the content as JSON in UTF-8, without blanks."""
        return dumps(content)
