"""MultipartUpload: a multipart/form-data body, parsed as it streams in: one file and small fields.

Starlette's own parser would spool the whole file to disk before a route sees it.
"""

from __future__ import annotations

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from models.errors import InvalidInput

FILE_FIELD = "file"
MAX_BOUNDARY_BYTES = 70
"""Longest boundary between parts (RFC 2046, section 5.1.1)."""
MAX_FIELD_BYTES = 4096
"""Longest value of a field beside the file."""


class MultipartUpload:
    """A parser that is fed the body, collects `fields` and `filename`, and returns the file's own bytes."""

    def __init__(self, content_type: str, accepted: frozenset[str]) -> None:
        """Accept fields of these names beside the file. Raises InvalidInput without a boundary."""
        boundary = parse_options_header(content_type)[1].get(b"boundary")
        if not boundary:
            raise InvalidInput("content-type", "multipart/form-data must name its boundary")
        self.fields: dict[str, str] = {}
        self.filename: str | None = None
        self._accepted = accepted
        self._headers: dict[bytes, bytes] = {}
        self._header: tuple[bytes, bytes] = (b"", b"")
        self._field = ""
        self._value = b""
        self._file_bytes = b""
        self._complete = False
        if len(boundary) > MAX_BOUNDARY_BYTES:
            raise InvalidInput("content-type", f"a boundary may have {MAX_BOUNDARY_BYTES} characters")
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin_part,
                "on_header_field": lambda data, start, end: self._append_header(data[start:end], b""),
                "on_header_value": lambda data, start, end: self._append_header(b"", data[start:end]),
                "on_header_end": self._end_header,
                "on_headers_finished": self._begin_field,
                "on_part_data": lambda data, start, end: self._append_data(data[start:end]),
                "on_part_end": self._end_field,
                "on_end": self._end_form,
            },
        )

    def feed(self, data: bytes) -> bytes:
        """Return the file's bytes among `data`. Raises InvalidInput for a form that is not as it should be."""
        self._file_bytes = b""
        try:
            self._parser.write(data)
        except FormParserError as error:
            raise InvalidInput("body", f"not a multipart/form-data body: {error}") from error
        return self._file_bytes

    def finish(self) -> None:
        """Check, at the end of the body, that the form has ended and had a file. Raises InvalidInput."""
        if not self._complete:
            raise InvalidInput("body", "the multipart/form-data body ends before its last boundary")
        if self.filename is None:
            raise InvalidInput(FILE_FIELD, "missing: send the text as a part of this name, with a filename")

    def _begin_part(self) -> None:
        self._headers = {}

    def _append_header(self, name: bytes, value: bytes) -> None:
        self._header = (self._header[0] + name, self._header[1] + value)

    def _end_header(self) -> None:
        name, value = self._header
        self._headers[name.lower()] = value
        self._header = (b"", b"")

    def _begin_field(self) -> None:
        options = parse_options_header(self._headers.get(b"content-disposition", b""))[1]
        self._field, self._value = options.get(b"name", b"").decode(errors="replace"), b""
        if self._field in self.fields or (self._field == FILE_FIELD and self.filename is not None):
            raise InvalidInput(self._field, "given twice")
        if self._field == FILE_FIELD:
            self.filename = options.get(b"filename", b"upload.txt").decode(errors="replace")
        elif self._field not in self._accepted:
            raise InvalidInput(self._field, f"no such field; there are: file, {', '.join(sorted(self._accepted))}")

    def _append_data(self, data: bytes) -> None:
        if self._field == FILE_FIELD:
            self._file_bytes += data
            return
        self._value += data
        if len(self._value) > MAX_FIELD_BYTES:
            raise InvalidInput(self._field, f"at most {MAX_FIELD_BYTES} bytes are accepted")

    def _end_field(self) -> None:
        if self._field != FILE_FIELD:
            self.fields[self._field] = self._value.decode(errors="replace")

    def _end_form(self) -> None:
        self._complete = True
