"""Reservations of connectors (OCPP 1.6, 3.11, 5.1 and 5.13)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel

from csms.domain.id_tag import fold
from csms.domain.times import read_device_time


class ReservationStatus(StrEnum):
    """Where a reservation stands; the last four are refusals, as the charge point answered."""

    ACCEPTED = "Accepted"
    USED = "Used"
    CANCELLED = "Cancelled"
    EXPIRED = "Expired"
    FAULTED = "Faulted"
    OCCUPIED = "Occupied"
    REJECTED = "Rejected"
    UNAVAILABLE = "Unavailable"


class ReservationView(BaseModel):
    """A reservation as REST shows it. Connector 0 is any one of the charge point."""

    reservationId: int
    chargePointId: str
    connectorId: int
    idTag: str
    parentIdTag: str | None = None
    expiryDate: datetime
    status: str
    transactionId: int | None = None
    createdAt: datetime
    updatedAt: datetime


def record_id(charge_point_id: str, reservation_id: int) -> str:
    """The `_id` of a reservation: its own id is unique within its charge point alone."""
    return f"{charge_point_id}|{reservation_id}"


def reservation(
    charge_point_id: str,
    payload: Mapping[str, Any],
    status: str,
    parent_id_tag: str | None,
    now: datetime,
) -> dict[str, Any]:
    """The record of a ReserveNow.req (6.37) that was answered with `status`.

    `parent_id_tag` is the group of the id tag on record; the one that was sent goes before it.
    """
    return {
        "_id": record_id(charge_point_id, payload["reservationId"]),
        "reservationId": payload["reservationId"],
        "chargePointId": charge_point_id,
        "connectorId": payload["connectorId"],
        "idTag": payload["idTag"],
        "parentIdTag": payload.get("parentIdTag", parent_id_tag),
        "expiryDate": read_device_time(payload["expiryDate"], now).time,
        "status": status,
        "transactionId": None,
        "createdAt": now,
        "updatedAt": now,
    }


def may_use(record: Mapping[str, Any], id_tag: str, parent_id_tag: str | None) -> bool:
    """Whether an id tag, or a group that it belongs to, is the one a reservation is for."""
    if fold(record["idTag"]) == fold(id_tag):
        return True
    group = record.get("parentIdTag")
    return bool(group and parent_id_tag) and fold(str(group)) == fold(str(parent_id_tag))
