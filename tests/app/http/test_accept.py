"""Media types, gzip and entity tags of a client's headers."""

import pytest

from app.http.accept import accepts_gzip, choose_media_type, matches_tag

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


@pytest.mark.parametrize(
    ("accept_encoding", "accepted"),
    [
        ("", False),
        ("identity", False),
        ("gzip", True),
        ("br, GZip;q=0.1", True),
        ("gzip;q=0", False),
        ("gzip ; q=0.000, *", False),
        ("*", True),
        ("*;q=0", False),
        ("x-gzip2", False),
    ],
)
def test_accepts_gzip_weighs_what_is_written(accept_encoding: str, accepted: bool) -> None:
    assert accepts_gzip(accept_encoding) is accepted


@pytest.mark.parametrize(
    ("if_none_match", "matches"),
    [("", False), ("*", True), ('"a"', True), ('W/"a"', True), ('"b", W/"a"', True), ('"ab"', False), ("a", False)],
)
@pytest.mark.parametrize("tag", ['"a"', 'W/"a"'])
def test_matches_tag_compares_weakly(tag: str, if_none_match: str, matches: bool) -> None:
    assert matches_tag(tag, if_none_match) is matches
