"""`csms import` and `csms export` against a running central system."""

from __future__ import annotations

import asyncio
import csv
import io
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from csms.client import fleet
from csms.client.fleet import export_main, import_main
from csms.domain.api_token import Role
from csms.repositories import fleet_import
from tests.support.system import ADMIN_TOKEN, System, eventually

FLEET = (
    "id;ชื่อ;S/N;identity;kW;colour;password\r\n"
    'CP_1;"สถานี; บางนา";SN-1;Ident-1;22,5;red;\r\n'
    "CP_2;'=cmd();SN-2;;lots;blue;0123456789abcdef-secret\r\n"
    'CP_3;"สอง\r\nบรรทัด";SN-3;;-1;;\r\n'
    "CP_4;สี่;SN-4;;;;;\r\n"
)


class Command:
    """Runs the commands in a thread, as their own event loop wants it."""

    def __init__(self, system: System, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.system = system
        self.fleet = folder / "fleet.csv"
        self.rejects = folder / "fleet.rejects.csv"
        self._capsys = capsys
        self.out = self.err = ""

    async def run_import(self, text: str | bytes, *options: str, token: str = ADMIN_TOKEN) -> int:
        self.fleet.write_bytes(text if isinstance(text, bytes) else text.encode())
        return await self._run(import_main, str(self.fleet), *options, token=token)

    async def run_export(self, *options: str, token: str = ADMIN_TOKEN) -> int:
        return await self._run(export_main, *options, token=token)

    async def _run(self, command: Any, *options: str, token: str) -> int:
        self._capsys.readouterr()
        argv = [*options, "--token", token]
        if "--url" not in argv:
            argv += ["--url", self.system.http]
        status: int = await asyncio.to_thread(command, argv)
        self.out, self.err = self._capsys.readouterr()
        return status

    async def stored(self) -> dict[str, Any]:
        return {r["_id"]: r async for r in self.system.database.charge_points.find()}


@pytest.fixture
def command(system: System, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(system, tmp_path, capsys)


def rows_of(path: Path) -> list[list[str]]:
    return list(csv.reader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline="")))


@pytest.mark.gen_test
async def test_all_in_is_0(command: Command) -> None:
    assert await command.run_import("serial,name\nSN-1,สถานี\n") == 0
    assert "1 created, 0 changed, 0 unchanged, 0 rejected" in command.out
    assert not command.rejects.exists()
    [record] = (await command.stored()).values()
    assert record["name"] == "สถานี"


@pytest.mark.gen_test
@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "cp874"])
async def test_some_rejected_is_1_and_they_are_in_the_rejects_file(
    command: Command, codec: str
) -> None:
    assert await command.run_import(FLEET.encode(codec)) == 1
    assert set(await command.stored()) == {"CP_1", "CP_4"}
    assert "2 created, 0 changed, 0 unchanged, 2 rejected" in command.out
    first, *_ = command.out.splitlines()
    assert "ignored: colour" in first and str(command.rejects) in command.out
    assert command.rejects.read_bytes().startswith(b"\xef\xbb\xbf")
    header, first, second = rows_of(command.rejects)
    assert header == [
        *("id", "ชื่อ", "S/N", "identity", "kW", "colour", "password"),
        *("row", "field", "reason"),
    ]
    assert first[:7] == ["CP_2", "'=cmd()", "SN-2", "", "lots", "blue", "0123456789abcdef-secret"]
    assert first[7:9] == ["3", "powerRating"]
    assert "22" in first[9]
    assert second[1] == "สอง\nบรรทัด"
    assert second[7] == "4"
    assert stat.S_IMODE(command.rejects.stat().st_mode) == 0o600


@pytest.mark.gen_test
async def test_mended_rejects_can_be_imported(command: Command) -> None:
    await command.run_import("serial,name,kw\nSN-1,'=ก,lots\nSN-2,x,1\nSN-3,y,z\n")
    mended = command.rejects.read_bytes().replace(b"lots", b"22")
    assert await command.run_import(mended) == 1
    assert "1 created" in command.out
    assert {r["name"] for r in (await command.stored()).values()} == {"=ก", "x"}
    header, row = rows_of(command.rejects)
    assert header == ["serial", "name", "kw", "row", "field", "reason"]
    assert row[:4] == ["SN-3", "y", "z", "3"]


@pytest.mark.gen_test
async def test_cells_in_the_rejects_file_read_as_in_the_imported_one(command: Command) -> None:
    await command.run_import("sep=;\nserial;name;kw\n'007;=\"x\";lots\nS'9;=1+1;lots\n")
    header, first, second = rows_of(command.rejects)
    assert header == ["serial", "name", "kw", "row", "field", "reason"]
    assert (first[:2], second[:2]) == (["'007", '="x"'], ["S'9", "'=1+1"])
    mended = command.rejects.read_bytes().replace(b"lots", b"22")
    assert await command.run_import(mended) == 0
    names = {r["serialNumber"]: r["name"] for r in (await command.stored()).values()}
    assert names == {"007": "x", "S'9": "=1+1"}


@pytest.mark.gen_test
async def test_notes_are_printed_up_to_a_number_and_all_of_them_in_a_dry_run(
    command: Command,
) -> None:
    text = "serial\n" + "".join(f"{'S' * 30}{n}\n" for n in range(25))
    assert await command.run_import(text, "--dry-run") == 0
    assert command.out.count("serialNumber: has 3") == 25
    assert await command.run_import(text) == 0
    assert "row 2: serialNumber: has 31 characters" in command.out
    assert command.out.count("serialNumber: has 3") == 20
    assert "5 more notes; --dry-run shows all of them" in command.out


@pytest.mark.gen_test
async def test_a_rejects_file_of_before_goes_when_nothing_is_rejected(command: Command) -> None:
    command.rejects.write_text("old")
    assert await command.run_import("serial\nSN-1\n") == 0
    assert not command.rejects.exists()


@pytest.mark.gen_test
async def test_the_rejects_file_can_be_named(command: Command, tmp_path: Path) -> None:
    named = tmp_path / "elsewhere.csv"
    assert await command.run_import("serial,kw\nSN-1,x\n", "--rejects", str(named)) == 1
    assert len(rows_of(named)) == 2
    assert not command.rejects.exists()
    assert await command.run_import("serial\nSN-1\n", "--rejects", str(command.fleet)) == 2
    assert command.fleet.read_text() == "serial\nSN-1\n"


@pytest.mark.gen_test
async def test_a_dry_run_says_what_would_be_done(command: Command) -> None:
    await command.run_import("id,serial,name\nCP_1,SN-1,เก่า\n")
    before = await command.stored()
    status = await command.run_import(
        "serial,name,kw\nSN-1,ใหม่,22\nSN-2,x,\nSN-3,,lots\n", "--dry-run", "--update"
    )
    assert status == 1
    assert "row 2: CP_1 would be changed: name: เก่า -> ใหม่; powerRating: nothing -> 22.0" in (
        command.out
    )
    assert "row 3: a new id would be created" in command.out
    assert "row 4: would be rejected: powerRating: " in command.out
    assert "nothing was written" in command.out
    assert await command.stored() == before
    assert not command.rejects.exists()


@pytest.mark.gen_test
async def test_update_and_again(command: Command) -> None:
    await command.run_import("id,serial,name\nCP_1,SN-1,เก่า\n")
    change = "serial,name\nSN-1,ใหม่\n"
    assert await command.run_import(change) == 1
    assert "--update" in rows_of(command.rejects)[1][-1]
    assert await command.run_import(change, "--update") == 0
    assert "1 changed" in command.out
    assert await command.run_import(change, "--update") == 0
    assert "0 changed, 1 unchanged" in command.out


@pytest.mark.gen_test
@pytest.mark.parametrize(
    ("text", "options", "says"),
    [
        ("name\nx\n", (), "first row must name the columns"),
        ("", (), "empty"),
        ("serial\nก\n".encode("cp874"), (), "--encoding"),
        ("serial\nSN-1\n", ("--encoding", "ebcdic"), "windows-874"),
        ("serial\nSN-1\n", ("--token", "wrong"), "token was refused"),
        ("serial\nSN-1\n", ("--url", "http://127.0.0.1:1"), "no answer from http://127.0.0.1:1"),
        ("serial\nSN-1\n", ("--url", "127.0.0.1:9000"), "http://HOST:PORT"),
    ],
)
async def test_nothing_could_be_done_is_2(
    command: Command, text: str | bytes, options: tuple[str, ...], says: str
) -> None:
    command.rejects.write_text("of an earlier import")
    token = options[1] if options[:1] == ("--token",) else ADMIN_TOKEN
    assert await command.run_import(text, *options, token=token) == 2
    assert says in command.err
    assert await command.stored() == {}
    assert command.rejects.exists()


@pytest.mark.gen_test
async def test_an_encoding_can_be_named(command: Command) -> None:
    text = "serial,name\nSN-1,ก\n".encode("cp874")
    assert await command.run_import(text, "--encoding", "windows-874") == 0
    [record] = (await command.stored()).values()
    assert record["name"] == "ก"


@pytest.mark.gen_test
async def test_a_role_that_is_too_low_is_2(command: Command) -> None:
    tokens = command.system.central_system.services.api_tokens
    _, viewer = await tokens.create("viewer", Role.VIEWER, created_by="test")
    assert await command.run_import("serial\nSN-1\n", token=viewer) == 2
    assert "may not do this" in command.err


def test_a_missing_file_is_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert import_main([str(tmp_path / "none.csv"), "--token", "x"]) == 2
    assert "none.csv" in capsys.readouterr().err


def test_without_a_token_is_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CSMS_TOKEN", raising=False)
    assert import_main([str(tmp_path / "none.csv")]) == 2
    assert "CSMS_TOKEN" in capsys.readouterr().err


@pytest.mark.gen_test
async def test_the_token_may_come_from_the_environment(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CSMS_TOKEN", ADMIN_TOKEN)
    command.fleet.write_text("serial\nSN-1\n")
    argv = [str(command.fleet), "--url", command.system.http]
    assert await asyncio.to_thread(import_main, argv) == 0


@pytest.mark.gen_test
async def test_a_server_that_stops_in_between_is_1_and_says_so(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fleet_import, "BATCH", 1)
    rows = "".join(f"SN-{n},x\n" for n in range(2000))
    running = asyncio.ensure_future(command.run_import(f"serial,name\n{rows}"))
    # With two rows stored, the answer to the first one is on its way.
    await eventually(command.stored, lambda stored: len(stored) > 1)
    http_server = command.system.central_system._servers[0]
    assert http_server is not None
    await http_server.close_all_connections()
    assert await running == 1
    assert "did not come to an end" in command.err


@pytest.mark.gen_test
async def test_what_is_exported_comes_back_unchanged(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fleet, "PAGE", 2)
    source = (
        "id,name,station,location,brand,kw,serial,identity,allowed,connectors,password\n"
        'CP_1,สถานี,ไซต์,"บางนา, กทม",Autel,22.5,SN-1,Ident-1,no,2,0123456789abcdef\n'
        "CP_2,'=1+1,'+66 2,'@x,'-5,,SN-2,,,,\n"
        "CP_3,=HYPERLINK(1),-5.2,＝x,'',,,Ident-3,,,\n"
    )
    assert await command.run_import(source) == 0
    output = tmp_path / "out.csv"
    assert await command.run_export("--output", str(output)) == 0
    assert "3 charge points" in command.out
    data = output.read_bytes()
    assert data.startswith(b"\xef\xbb\xbfid,name,stationName,") and data.endswith(b"\r\n")
    assert b"0123456789abcdef" not in data
    [_, first, second, third] = rows_of(output)
    assert first[1:6] == ["สถานี", "ไซต์", "บางนา, กทม", "Autel", "22.5"]
    assert first[9] == "false"
    assert second[1:5] == ["'=1+1", "'+66 2", "'@x", "-5"]
    assert third[1:4] == ["'=HYPERLINK(1)", "-5.2", "'＝x"]

    before = await command.stored()
    assert await command.run_import(data, "--update") == 0
    assert "0 created, 0 changed, 3 unchanged, 0 rejected" in command.out
    assert await command.stored() == before


@pytest.mark.gen_test
async def test_an_export_that_fails_leaves_no_file(command: Command, tmp_path: Path) -> None:
    output = tmp_path / "out.csv"
    output.write_text("an earlier one")
    assert await command.run_export("--output", str(output), token="wrong") == 2
    assert output.read_text() == "an earlier one"
    assert os.listdir(tmp_path) == ["out.csv"]


@pytest.mark.gen_test
async def test_an_export_goes_to_standard_output(command: Command) -> None:
    await command.system.whitelist("CP1", name="สถานี")
    assert await command.run_export() == 0
    assert "\ufeffid,name,stationName," in command.out
    assert "CP1,สถานี," in command.out
