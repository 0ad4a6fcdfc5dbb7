"""What a simulated charge point is: model, serial and connectors, all told by its number."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

TYPE_2 = "Type 2"
CCS = "CCS Combo 2 (Type 2)"
CHADEMO = "CHAdeMO"


@dataclass(frozen=True, slots=True)
class Model:
    """A product. `power_w` is per connector; `phases` is 0 where it gives direct current."""

    vendor: str
    name: str
    code: str
    firmware: str
    power_w: int
    phases: int

    @property
    def is_dc(self) -> bool:
        """Whether it charges with direct current."""
        return self.phases == 0

    def connector_types(self, count: int) -> tuple[str, ...]:
        """The connectors' types, worded as the charge point tells them."""
        if not self.is_dc:
            return (TYPE_2,) * count
        return tuple(CHADEMO if number % 2 else CCS for number in range(count))


MODELS = (
    Model("Voltaro", "Street 22", "VS22", "3.4.1", 22_000, 3),
    Model("Meridian Power", "Fast 60", "MF60", "2.11.0", 60_000, 0),
    Model("Voltaro", "Street 11", "VS11", "3.4.1", 11_000, 3),
    Model("Meridian Power", "Ultra 150", "MU150", "2.12.3", 150_000, 0),
    Model("Lumen EV", "Home 7", "LH7", "1.0.8", 7_400, 1),
    Model("Meridian Power", "Ultra 300", "MU300", "2.12.3", 300_000, 0),
)


@dataclass(frozen=True, slots=True)
class Hardware:
    """One charge point as it left the factory."""

    identity: str
    model: Model
    serial: str
    connector_types: tuple[str, ...]
    meter_start_wh: int


def hardware_of(prefix: str, number: int, connectors: int) -> Hardware:
    """The charge point with this number; the same every time, and no two serials are alike."""
    model = MODELS[(number - 1) % len(MODELS)]
    # The serial is unique over the whole database, so two fleets must not count the same.
    batch = zlib.crc32(prefix.encode()) & 0xFFFF
    return Hardware(
        identity=f"{prefix}{number:05d}",
        model=model,
        serial=f"{model.code}-{batch:04X}-{number:05d}",
        connector_types=model.connector_types(connectors),
        meter_start_wh=zlib.crc32(f"{prefix}{number}".encode()) % 5_000_000,
    )
