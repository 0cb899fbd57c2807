"""Only heads are remembered whose requests end where they seem to, and not too many."""

import pytest

from app.server.heads import BODY_BYTES, HEAD_BYTES, HEADS, Head, Heads

HEAD = b"POST /a HTTP/1.1\r\nhost: b\r\ncontent-length: 3\r\n\r\n"
HEADERS = [(b"host", b"b"), (b"content-length", b"3")]


def test_what_was_remembered_is_found_wherever_it_begins() -> None:
    heads, scope = Heads(), {"headers": HEADERS}
    assert heads.find(HEAD + b"abc", 0) == (len(HEAD), None)
    heads.remember(HEAD + b"abc", scope)
    assert heads.find(b"abc" + HEAD + b"xyz", 3) == (3 + len(HEAD), Head(scope, 3))
    assert heads.find(HEAD[:-1], 0)[1] is None
    assert heads.find(HEAD.replace(b"3", b"4"), 0)[1] is None


@pytest.mark.parametrize(
    ("data", "headers"),
    [
        (HEAD[:-2], HEADERS),  # not all there
        (b"\r\n" + HEAD, HEADERS),  # which parsers skip
        (b"\r\n\r\n" + HEAD, HEADERS),
        (HEAD.replace(b"\r\n", b"\n") + b"abc\r\n\r\n", HEADERS),  # ended before its body began
        (HEAD.replace(b" b", b"\r\n b"), HEADERS),
        (HEAD.replace(b"POST", b"GET"), HEADERS),
        (b"", HEADERS),
        (HEAD.replace(b": b", b": " + b"b" * HEAD_BYTES), HEADERS),
        (HEAD, [HEADERS[0], (b"content-length", b"%d" % (BODY_BYTES + 1))]),
        (HEAD, [HEADERS[0], (b"transfer-encoding", b"chunked")]),
        (HEAD, [HEADERS[0], (b"upgrade", b"h2c")]),
    ],
)
def test_what_takes_a_parser_is_not_remembered(data: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    heads = Heads()
    heads.remember(data, {"headers": headers})
    begin = data.find(b"POST")
    assert all(heads.find(data, at)[1] is None for at in {0, max(begin, 0)})
    assert heads.find(HEAD, 0)[1] is None


def test_what_is_remembered_is_bounded() -> None:
    heads = Heads()
    many = [HEAD.replace(b"/a", b"/%d" % i) for i in range(3 * HEADS)]
    for head in many:
        heads.remember(head, {"headers": HEADERS})
        assert heads.find(head, 0)[1]
    assert sum(heads.find(head, 0)[1] is not None for head in many) <= HEADS
