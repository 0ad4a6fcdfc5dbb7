"""Whatever an import answers to a bad file, a page can say in its own language."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator

import pytest

from csms.domain.fleet_csv import inspect_fleet, read_fleet
from csms.domain.fleet_plan import Existing, Planner
from csms.domain.id_tag_csv import IdTagPlanner, inspect_id_tags, read_id_tags
from csms.errors import InvalidInput, MalformedInput
from csms.web.pages.import_texts import IMPORT_ANSWERS
from csms.web.pages.texts import ANSWERS

FLEET = (
    "id,serial,identity,kw,connectors,profile,allowed,protocol,name,location,password\n"
    "a/b,1.2E+11,x/y,-1,99,7,maybe,OCPP201,#REF!,,short\n"
    "import,23-May,=A1,1,0,-1,yes,,a\x07b,,'0123456789abcdef\n"
    f"..,S\x071,\u200bI-1,99999,1.5,1.5,,,{'n' * 300},x,\n"
    f'{"i" * 70},\'00123,,"1,000",two,,,,,,\n'
    'CP_1,="SN-1",Ident-1,22,2,,,,,,\n'
    "CP_1,SN-2,,22,2,,,,,,\n"
    f"CP_2,{'S' * 30},,22,2,,,,,,,more\n"
    f"CP_3,OLD,,{'9' * 400},2,,,,,,\n"
    "CP_4,OLD,NEW,2,2,,,,,,\n"
    ",OLD,,2,2,,,,changed,,\n"
    ",,OTHER,2,2,,,,changed,,\n"
    ',OLD,OTHER,2,2,,,,changed,,\n,,,,,,,,x,,\nCP_9,"x"y\n'
)
RECORDS = [{"_id": "R1", "serialNumber": "OLD"}, {"_id": "R2", "chargePointIdentity": "OTHER"}]
ID_TAGS = (
    "idTag,status,expiryDate,parentIdTag,maxActiveTransactions,note\n"
    "a tag that is far too long,odd,31/12/2027,#N/A,-1,\n"
    ",,,,x,\nT1,,,t1,,\nT2,,,,,\nt2,,,,,\nOLD,Blocked,,,,\n'T3,,,,,a\x07b\nT4,,,,-1,\n"
)


def answers_to_rows() -> Iterator[str]:
    file = io.BytesIO(FLEET.encode())
    found = inspect_fleet(file)
    planner = Planner(found.repeats, update=False)
    for row in read_fleet(file, found):
        result = planner.decide(row, Existing(RECORDS))
        yield from (one.message for one in (*result.errors, *result.notes))
    file = io.BytesIO(ID_TAGS.encode())
    id_tags = IdTagPlanner(update=False)
    for tag in read_id_tags(file, inspect_id_tags(file)):
        record = {"idTag": "OLD", "status": "Accepted"} if tag.key == "old" else None
        result = id_tags.decide(tag, record).result
        yield from (one.message for one in (*result.errors, *result.notes))


def is_known(message: str) -> bool:
    patterns = (re.split(r"{\d}", text) for text in ANSWERS + IMPORT_ANSWERS)
    return any(
        re.fullmatch("(?s:.*?)".join(map(re.escape, pattern)), message) for pattern in patterns
    )


def test_every_answer_to_a_row_is_known() -> None:
    answers = set(answers_to_rows())
    assert len(answers) > 35
    assert [answer for answer in sorted(answers) if not is_known(answer)] == []


@pytest.mark.parametrize(
    "file",
    [
        b"",
        b"PK\x03\x04",
        b"\xff\xfe\0\0s\0\0\0",
        b"sep=|\nserial|name\n",
        b"name\nx\n",
        b"serial,S/N\n1,2\n",
        b'"id"x,serial\n1,2\n',
        b'serial,name\n"x,y\n1,2\n',
        b"serial\nSN\0\n",
        b"serial,name\nSN-1,\xff\xfe\xfd\n",
        "serial\nก\n".encode("cp874"),
        b"serial\n" + b"x" * 1_100_000,
    ],
)
def test_every_reason_to_refuse_a_file_is_known(file: bytes) -> None:
    with pytest.raises((MalformedInput, InvalidInput)) as refused:
        inspect_fleet(io.BytesIO(file))
    error = refused.value
    told = [e.message for e in error.errors] if isinstance(error, InvalidInput) else [str(error)]
    assert [message for message in told if not is_known(message)] == []
