"""A charge point on record that has booted, and id tags of every kind."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tornado.ioloop import IOLoop

from tests.certification.kit import OTHER_VALID, PARENT, VALID, Kit
from tests.support.system import System

ID_TAGS = (
    {"idTag": VALID, "parentIdTag": PARENT},
    {"idTag": OTHER_VALID, "parentIdTag": PARENT},
    {"idTag": "BLOCKED-TAG", "status": "Blocked"},
    {"idTag": "EXPIRED-TAG", "expiryDate": "2020-01-01T00:00:00Z"},
)


@pytest.fixture
def kit(io_loop: IOLoop, system: System) -> Iterator[Kit]:
    """A charge point that has booted, without a password."""

    async def prepare() -> Kit:
        await register_id_tags(system)
        await system.whitelist(serialNumber="SN-0001")
        kit = Kit(system, await system.connect())
        await kit.boot()
        return kit

    kit = io_loop.run_sync(prepare)
    yield kit
    # Whatever was not asked for by the case would have broken a real tool's run.
    assert kit.charge_point.waiting_calls == 0


async def register_id_tags(system: System) -> None:
    """Put the id tags on record."""
    for body in ID_TAGS:
        status, answer = await system.rest("POST", "/admin/id-tags", body)
        assert status == 201, answer
