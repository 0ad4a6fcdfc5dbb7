"""Tokens that are limited to stations: what they may see and operate, and nothing else.

Of all operations a limited token may use those that are about one charge point, by path or by the
filter `chargePointId`, and those that say `by_station`: these keep to the stations themselves.
"""

from __future__ import annotations

from csms import db
from csms.errors import Forbidden, NotFound
from csms.repositories.api_tokens import ApiToken
from csms.repositories.charge_points import ChargePoints
from csms.repositories.past import has_past

ELSEWHERE = "This token is limited to stations, and this is about more than those."
GIVE_ID = (
    "This token is limited to stations: give chargePointId, the id of a charge point at one of them"
)


def is_at(token: ApiToken, record: db.Document | None) -> bool:
    """Whether a charge point is at a station of the token."""
    if token.stations is None:
        return True
    return record is not None and record.get("stationName") in token.stations


async def keep_to_stations(
    token: ApiToken, charge_points: ChargePoints, charge_point_id: str
) -> None:
    """Let a token no further than its stations.

    Raises:
        NotFound: the charge point is at another station; to this token there is no such one.
    """
    if not is_at(token, await charge_points.find(charge_point_id)):
        raise NotFound("charge point", charge_point_id)


def require_station(token: ApiToken, station: str | None) -> None:
    """Let a token put a charge point only where it may see it.

    Raises:
        Forbidden: the station is none of the token's.
    """
    if token.stations is not None and station not in token.stations:
        names = ", ".join(sorted(token.stations))
        raise Forbidden(f"This token is limited to stations: set stationName to one of {names}.")


async def require_no_past(token: ApiToken, database: db.Database, charge_point_id: str) -> None:
    """Let a token not read of a deleted charge point, which was at any station, by its id.

    Raises:
        Forbidden: there was one with this id.
    """
    if token.stations is not None and await has_past(database, charge_point_id):
        raise Forbidden(
            "This token is limited to stations, and there is data of an earlier charge point with"
            " this id: choose another id."
        )
