"""Who holds a charge point's record: the session of the socket that has claimed it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Hold:
    """A session and the charge point whose record it holds, or held: others may have it since."""

    charge_point_id: str
    session_id: str
    """As in the record's `ocppSessionId`."""


@dataclass(slots=True)
class Claim:
    """What a socket's session puts into the record that it claims."""

    hold: Hold
    node_id: str
    remote_address: str
    protocol: str
    connected_at: datetime | None = None
    """The record's `connectedAt`, once it is claimed: no other session has the same."""

    @property
    def charge_point_id(self) -> str:
        """The id of the record."""
        return self.hold.charge_point_id

    @property
    def session_id(self) -> str:
        """The session of the socket."""
        return self.hold.session_id
