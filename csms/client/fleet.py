"""`csms import` and `csms export`: a fleet between a CSV file and a running central system.

Exit status: 0 all in, 1 some rejected, 2 nothing could be done.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import io
import logging
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from tqdm import tqdm

from csms.client.rejects import RejectsFile
from csms.client.rest import RestClient, RestError
from csms.domain.csv_encoding import parse_encoding
from csms.domain.fleet_columns import EXPORTED
from csms.domain.fleet_csv import FleetFile, export_row, inspect_fleet
from csms.errors import CsmsError

IMPORT_PATH = "/admin/charge-points/import"
LIST_PATH = "/admin/charge-points"
PAGE = 1000
NOTES_SHOWN = 20
"""Notes on rows that an import prints; a dry run prints all."""


def import_main(argv: Sequence[str] | None = None) -> int:
    """Import a CSV file; returns the exit status."""
    parser = _parser("import", "Whitelist a fleet from a CSV file.")
    parser.add_argument("file", type=Path, metavar="FLEET.csv")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, write none")
    parser.add_argument("--update", action="store_true", help="change records that exist")
    parser.add_argument(
        "--keep-certificates",
        action="store_true",
        help="keep those that were issued before, though a row changes key, identity or serial",
    )
    parser.add_argument("--encoding", help="of the file, where it cannot be told, as windows-874")
    parser.add_argument(
        "--rejects", type=Path, metavar="FILE", help="default FLEET.rejects.csv, beside the file"
    )
    return _run("import", parser, argv, _import)


def export_main(argv: Sequence[str] | None = None) -> int:
    """Export the fleet as a CSV file that can be imported; returns the exit status."""
    parser = _parser("export", "Write the fleet to a CSV file, which can be imported back.")
    parser.add_argument("--output", type=Path, metavar="FILE", help="default standard output")
    return _run("export", parser, argv, _export)


def _parser(command: str, description: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"csms {command}", description=description)
    parser.add_argument("--url", default="http://127.0.0.1:9000", help="default %(default)s")
    parser.add_argument("--token", help="better in CSMS_TOKEN: command lines are seen by everyone")
    parser.add_argument("--ca", metavar="FILE", help="PEM certificates to trust, for https")
    parser.add_argument("--insecure", action="store_true", help="take any certificate, for https")
    return parser


def _run(
    command: str,
    parser: argparse.ArgumentParser,
    argv: Sequence[str] | None,
    work: Callable[[RestClient, argparse.Namespace], int],
) -> int:
    args = parser.parse_args(argv)
    # A request that is interrupted complains there, and what it says helps nobody.
    for name in ("asyncio", "tornado"):
        logging.getLogger(name).addHandler(logging.NullHandler())
    token = args.token or os.environ.get("CSMS_TOKEN")
    try:
        if not token:
            raise RestError("give an access token with --token or CSMS_TOKEN")
        client = RestClient(args.url, token, ca_file=args.ca, insecure=args.insecure)
        return work(client, args)
    except (CsmsError, RestError, OSError) as error:
        print(f"csms {command}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"csms {command}: interrupted", file=sys.stderr)
        return 130


def _import(client: RestClient, args: argparse.Namespace) -> int:
    path: Path = args.file
    rejects_path: Path = args.rejects or path.with_name(f"{path.stem}.rejects.csv")
    if rejects_path.absolute() == path.absolute():
        raise RestError(f"--rejects would overwrite {path}; name another file")
    encoding = parse_encoding(args.encoding) if args.encoding else None
    with path.open("rb") as file, path.open("rb") as again:
        found = inspect_fleet(file, encoding)
        query = {
            "dryRun": str(args.dry_run).lower(),
            "update": str(args.update).lower(),
            # A server of before does not know it.
            **({"keepCertificates": "true"} if args.keep_certificates else {}),
            "encoding": found.encoding,
            "delimiter": found.delimiter.label,
        }
        run = _ImportRun(found, RejectsFile(rejects_path, again, found), args.dry_run)
        run.print_reading()
        with run.progress():
            asyncio.run(client.post_file(IMPORT_PATH, query, file, "text/csv", run.receive))
    return run.report()


class _ImportRun:
    """An import as the server answers it, line by line."""

    def __init__(self, found: FleetFile, rejects: RejectsFile, dry_run: bool) -> None:
        self._found = found
        self._rejects = rejects
        self._dry_run = dry_run
        self._counts = dict.fromkeys(("created", "changed", "unchanged", "rejected"), 0)
        self._summary: Mapping[str, Any] | None = None
        self._fault = "the server broke off"
        self._bar: tqdm[Any] | None = None
        self._notes = 0

    def print_reading(self) -> None:
        """Print how the file is read, before anything is done with its rows."""
        if self._found.header.unknown:
            print(
                f"columns that are not known, and ignored: {', '.join(self._found.header.unknown)}"
            )
        encoding, delimiter = self._found.encoding, self._found.delimiter.label
        print(f"read as {encoding}, with {delimiter} between cells")

    @contextmanager
    def progress(self) -> Iterator[None]:
        """Show how far it is while this is open, and write the rejects file."""
        # None: only where standard error is a terminal.
        with tqdm(total=self._found.row_count, unit="row", disable=None) as self._bar:
            try:
                yield
            except RestError as error:
                if not any(self._counts.values()):
                    raise
                self._fault = str(error)
            finally:
                self._rejects.close(keep_old=self._dry_run or self._summary is None)

    def receive(self, line: Mapping[str, Any]) -> None:
        """Take in a line of the server's answer."""
        if "summary" in line:
            self._summary = line["summary"]
        elif "error" in line:
            self._fault = line["error"]["detail"]
        elif "row" in line:
            self._receive_row(line)

    def _receive_row(self, line: Mapping[str, Any]) -> None:
        self._counts[line["result"]] += 1
        if self._bar is not None:
            self._bar.update()
        if self._dry_run:
            if line["result"] != "unchanged":
                tqdm.write(_sentence(line), file=sys.stdout)
        elif line["result"] == "rejected":
            self._rejects.write(line)
        for note in line.get("notes", ()):
            self._notes += 1
            if self._dry_run or self._notes <= NOTES_SHOWN:
                text = f"row {line['row']}: {note['field']}: {note['message']}"
                tqdm.write(text, file=sys.stdout)

    def report(self) -> int:
        """Print how it ended; returns the exit status."""
        counts = ", ".join(f"{count} {result}" for result, count in self._counts.items())
        print(f"{counts}{' (dry run: nothing was written)' if self._dry_run else ''}")
        if self._notes > NOTES_SHOWN and not self._dry_run:
            print(f"{self._notes - NOTES_SHOWN} more notes; --dry-run shows all of them")
        if self._counts["rejected"] and not self._dry_run:
            print(f"rejected rows, to be mended and imported again: {self._rejects.path}")
        if self._summary is None:
            print(
                f"csms import: it did not come to an end: {self._fault}. Run it again: what is in"
                " stays as it is.",
                file=sys.stderr,
            )
            return 1 if any(self._counts.values()) else 2
        return 1 if self._counts["rejected"] else 0


def _sentence(line: Mapping[str, Any]) -> str:
    if line["result"] == "rejected":
        errors = "; ".join(f"{error['field']}: {error['message']}" for error in line["errors"])
        return f"row {line['row']}: would be rejected: {errors}"
    changes = "; ".join(
        f"{field}: {_shown(change['from'])} -> {_shown(change['to'])}"
        for field, change in line["changes"].items()
    )
    name = line["id"] or "a new id"
    return f"row {line['row']}: {name} would be {line['result']}{f': {changes}' if changes else ''}"


def _shown(value: Any) -> str:
    return "nothing" if value is None else str(value)


def _export(client: RestClient, args: argparse.Namespace) -> int:
    output: Path | None = args.output
    if output is None:
        asyncio.run(_write_fleet(client, sys.stdout.buffer))
        return 0
    # What has the name that was asked for is a whole export.
    part = output.with_name(f"{output.name}.part")
    try:
        with part.open("wb") as file:
            count = asyncio.run(_write_fleet(client, file))
        part.replace(output)
    finally:
        part.unlink(missing_ok=True)
    print(f"{count} charge points written to {output}")
    return 0


async def _write_fleet(client: RestClient, file: IO[bytes]) -> int:
    count = 0
    query = {"limit": str(PAGE)}
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    writer = csv.writer(text)
    writer.writerow(EXPORTED)
    with tqdm(unit="row", disable=None) as bar:
        while True:
            page = await client.get(LIST_PATH, query)
            writer.writerows(export_row(record) for record in page["items"])
            count += len(page["items"])
            bar.update(len(page["items"]))
            if not page["nextCursor"]:
                break
            query["cursor"] = page["nextCursor"]
    text.flush()
    text.detach()
    return count
