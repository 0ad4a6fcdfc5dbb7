"""One connector of a simulated charge point: status, meter, and the session it has. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from csms.simulator.charging import ChargingSession


class Connector:
    """A connector; number 0 stands for the charge point as a whole (OCPP 1.6, 3.5)."""

    __slots__ = ("number", "status", "reported", "operative", "register_wh", "session")

    def __init__(self, number: int, register_wh: float) -> None:
        self.number = number
        self.status = "Available"
        self.reported: str | None = None
        """The status that the central system is known to have."""
        self.operative = True
        self.register_wh = register_wh
        self.session: ChargingSession | None = None

    @property
    def is_free(self) -> bool:
        """Whether a vehicle may be plugged in and charged."""
        return self.operative and self.session is None

    @property
    def meter_wh(self) -> int:
        """The energy register as it is shown, Wh; it only ever grows."""
        return int(self.register_wh)

    @property
    def idle_status(self) -> str:
        """Its status while it has no session."""
        return "Available" if self.operative else "Unavailable"
