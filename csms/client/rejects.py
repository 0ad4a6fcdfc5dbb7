"""The file that rejected rows of an import go to, to be mended and imported again."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, TextIO

from csms.domain.csv_cells import guard, neutralise
from csms.domain.fleet_csv import FleetFile, read_fleet_records

_OWN = ("row", "field", "reason")


class RejectsFile:
    """Writes the rows that are rejected, with their own cells, as they become known.

    The cells are read from the imported file again, so that the server need not send them back.
    The file is made with the first row, in UTF-8 with a byte order mark, for spreadsheets.
    """

    def __init__(self, path: Path, source: IO[bytes], found: FleetFile) -> None:
        self.path = path
        self._found = found
        self._records = read_fleet_records(source, found)
        # Its own columns of an earlier round are replaced.
        self._columns = [i for i, name in enumerate(found.header.names) if name not in _OWN]
        self._out: TextIO | None = None

    def write(self, result: Mapping[str, Any]) -> None:
        """Write a rejected row; rows come in the order of the imported file."""
        record = next(record for record in self._records if record.row == result["row"])
        cells = record.cells + [""] * (len(self._found.header.names) - len(record.cells))
        errors = result["errors"]
        self._write(
            [
                *(cells[i] for i in self._columns),
                str(result["row"]),
                "; ".join(error["field"] for error in errors),
                "; ".join(f"{error['field']}: {error['message']}" for error in errors),
                *cells[len(self._found.header.names) :],
            ]
        )

    def close(self, keep_old: bool) -> None:
        """Finish. Where nothing was rejected, one of an earlier import goes, unless it is kept."""
        if self._out is not None:
            self._out.close()
        elif not keep_old:
            self.path.unlink(missing_ok=True)

    def _write(self, cells: Sequence[str]) -> None:
        if self._out is None:
            self.path.unlink(missing_ok=True)
            # Authorization keys that are among the cells are for nobody else to read.
            mode = 0o600 if self._found.has_secrets else 0o666
            descriptor = os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode)
            self._out = open(descriptor, "w", encoding="utf-8-sig", newline="")
            names = [self._found.header.names[i] for i in self._columns]
            csv.writer(self._out).writerow([*map(neutralise, names), *_OWN])
        csv.writer(self._out).writerow([guard(cell) for cell in cells])
