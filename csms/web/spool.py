"""Bodies that are too large for memory: kept on the disk until they are whole."""

from __future__ import annotations

import tempfile
from typing import IO

from python_multipart.multipart import MultipartParser, parse_options_header

from csms.errors import MalformedInput

COPY_BYTES = 1 << 20


class TooLarge(Exception):
    """More came than is taken."""


class Spool:
    """A body of at most `limit` bytes."""

    def __init__(self, limit: int) -> None:
        self.content: IO[bytes] = tempfile.TemporaryFile()
        self.size = 0
        self._limit = limit

    def write(self, chunk: bytes) -> None:
        """Keep what has come.

        Raises:
            TooLarge: it is more than the limit.
        """
        self.size += len(chunk)
        if self.size > self._limit:
            raise TooLarge
        self.content.write(chunk)

    def close(self) -> None:
        """Give the disk back."""
        self.content.close()


class FirstFile:
    """The first file of a multipart form, as browsers and some charge points upload."""

    def __init__(self, limit: int) -> None:
        self.name: str | None = None
        self.spool = Spool(limit)
        self._header = self._value = b""
        self._is_file = self._is_done = False

    def read(self, form: IO[bytes], content_type: str) -> None:
        """Find the file in a form.

        Raises:
            MalformedInput: it is no form, or there is no file in it.
        """
        _, options = parse_options_header(content_type)
        boundary = options.get(b"boundary")
        if not boundary:
            raise MalformedInput("The form names no boundary.")
        parser = MultipartParser(
            boundary,
            {
                "on_header_field": self._on_header_field,
                "on_header_value": self._on_header_value,
                "on_header_end": self._on_header_end,
                "on_part_data": self._on_data,
                "on_part_end": self._on_part_end,
            },
        )
        form.seek(0)
        try:
            while chunk := form.read(COPY_BYTES):
                parser.write(chunk)
            parser.finalize()
        except ValueError as error:
            raise MalformedInput(f"The form cannot be read: {error}.") from None
        if not self._is_done:
            raise MalformedInput("There is no file in the form.")

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header_end(self) -> None:
        if self._header.lower() == b"content-disposition" and not self._is_done:
            _, options = parse_options_header(self._value)
            if b"filename" in options:
                self._is_file = True
                self.name = options[b"filename"].decode("utf-8", "replace")
        self._header = self._value = b""

    def _on_data(self, data: bytes, start: int, end: int) -> None:
        if self._is_file:
            self.spool.write(data[start:end])

    def _on_part_end(self) -> None:
        if self._is_file:
            self._is_file, self._is_done = False, True
