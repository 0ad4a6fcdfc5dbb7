"""Connectors: their types, and what a charge point's own count and types make of the record."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

MAX_CONNECTORS = 64
"""Counts beyond this are a charge point's mistake, and ignored."""


class ConnectorType(StrEnum):
    """What plugs in."""

    TYPE_1 = "TYPE_1"
    TYPE_2 = "TYPE_2"
    CCS_COMBO_1 = "CCS_COMBO_1"
    CCS_COMBO_2 = "CCS_COMBO_2"
    CHADEMO = "CHADEMO"
    GBT_AC = "GBT_AC"
    GBT_DC = "GBT_DC"
    NACS = "NACS"
    UNKNOWN = "UNKNOWN"


class TypeSource(StrEnum):
    """Who said so. What an admin set is not overwritten."""

    CONFIGURATION = "configuration"
    DATA_TRANSFER = "dataTransfer"
    ADMIN = "admin"


# Some write their numbers with a fraction.
_COUNT = re.compile(r"\+?(\d{1,18})(?:\.0*)?", re.ASCII)

# The longer name first: "CCS Combo 2 (Type 2)" also contains "Type 2".
_PATTERNS: tuple[tuple[ConnectorType, str], ...] = (
    (ConnectorType.CCS_COMBO_1, r"ccs(combo)?(type)?1|combo(type)?1|cccs1|ccs1"),
    (ConnectorType.CCS_COMBO_2, r"ccs(combo)?(type)?2|combo(type)?2|cccs2|ccs2"),
    (ConnectorType.CHADEMO, r"chademo"),
    (ConnectorType.GBT_DC, r"gbt?(20234)?dc|dcgbt?"),
    (ConnectorType.GBT_AC, r"gbt?(20234)?ac|acgbt?"),
    (ConnectorType.NACS, r"nacs|tesla|j3400"),
    (ConnectorType.TYPE_1, r"type1|j1772|yazaki|iec621962t1"),
    (ConnectorType.TYPE_2, r"type2|mennekes|iec621962t2"),
)


def parse_connector_type(raw: str) -> ConnectorType:
    """The type that a vendor's wording means; `UNKNOWN` if it cannot be told."""
    folded = re.sub(r"[^a-z0-9]", "", raw.casefold())
    for connector_type, pattern in _PATTERNS:
        if re.search(pattern, folded):
            return connector_type
    return ConnectorType.UNKNOWN


def new_connector(connector_id: int, now: datetime) -> dict[str, Any]:
    """A connector of which only the number is known."""
    return {
        "connectorId": connector_id,
        "type": ConnectorType.UNKNOWN,
        "typeSource": None,
        "typeRaw": None,
        "status": None,
        "errorCode": None,
        "info": None,
        "vendorErrorCode": None,
        "statusTimestamp": None,
        "updatedAt": now,
    }


def as_known_now(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The connectors of a charge point's record, with what is known of them at this moment.

    The `status` of one that is off line is None: it is unknown since `unknownSince`. `lastStatus`
    is the one that was reported last.
    """
    is_connected = record.get("ocppSessionId") is not None
    unknown_since = None if is_connected else record.get("disconnectedAt")
    return [
        {
            **connector,
            "status": connector.get("status") if is_connected else None,
            "lastStatus": connector.get("status"),
            "unknownSince": unknown_since,
        }
        for connector in record.get("connectors") or ()
    ]


def read_connector_count(raw: str | None) -> int | None:
    """`NumberOfConnectors` as a number; None when it is no number from 1 to 64."""
    number = _COUNT.fullmatch((raw or "").strip())
    if number is None:
        return None
    count = int(number[1])
    return count if 1 <= count <= MAX_CONNECTORS else None


def reconcile(
    existing: Iterable[Mapping[str, Any]],
    count: int,
    types: Mapping[int, str],
    now: datetime,
) -> list[dict[str, Any]]:
    """Make connectors 1 to `count` out of those on record and the types the charge point told.

    Connectors beyond the count go, missing ones are created, and what is known of the others
    (status, a type set by an admin) stays.
    """
    on_record = {connector["connectorId"]: dict(connector) for connector in existing}
    result = []
    for connector_id in range(1, count + 1):
        connector = on_record.get(connector_id) or new_connector(connector_id, now)
        if raw := types.get(connector_id):
            _learn(connector, raw, TypeSource.CONFIGURATION, now)
        result.append(connector)
    return result


def learn_types(
    existing: Iterable[Mapping[str, Any]], types: Mapping[int, str], now: datetime
) -> list[dict[str, Any]]:
    """The connectors on record with the types of some told by the charge point of its own accord.

    One that is not on record yet is created.
    """
    connectors = {connector["connectorId"]: dict(connector) for connector in existing}
    for connector_id, raw in types.items():
        connector = connectors.setdefault(connector_id, new_connector(connector_id, now))
        _learn(connector, raw, TypeSource.DATA_TRANSFER, now)
    return [connectors[connector_id] for connector_id in sorted(connectors)]


def _learn(connector: dict[str, Any], raw: str, source: TypeSource, now: datetime) -> None:
    if connector.get("typeRaw") != raw:
        connector |= {"typeRaw": raw, "updatedAt": now}
    if connector.get("typeSource") != TypeSource.ADMIN:
        connector |= {"type": parse_connector_type(raw), "typeSource": source}
