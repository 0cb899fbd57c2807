"""Choice of a media type by the header `accept`."""

import pytest

from app.http.accept import choose_media_type

OFFERED = ["application/json", "application/x-ndjson", "text/tab-separated-values"]


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", 0),
        ("*/*", 0),
        ("image/png", 0),
        ("application/x-ndjson", 1),
        ("text/tab-separated-values, application/json;q=0.5", 2),
        ("application/json;q=0.2, text/*;q=0.4", 2),
        ("application/json; q=nonsense, application/x-ndjson; charset=utf-8; q=0.1", 1),
        ("*/*, application/x-ndjson", 0),
    ],
)
def test_choose_media_type_prefers_the_highest_weight(accept: str, expected: int) -> None:
    assert choose_media_type(accept, OFFERED) == OFFERED[expected]
