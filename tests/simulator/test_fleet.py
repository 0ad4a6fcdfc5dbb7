"""`csms simulate` as a whole: records first, then the fleet."""

from __future__ import annotations

import argparse
import asyncio

import pytest
from pydantic import ValidationError

from csms.simulator.fleet import FleetOptions, add_arguments, options_of, run_fleet
from tests.simulator.support import Central

TOKEN = "a-token-that-is-secret"


def options(central: Central, **more: object) -> FleetOptions:
    """Options of a fleet that stops by itself."""
    url = f"ws://127.0.0.1:{central.port}"
    given = {"count": 3, "url": url, "whitelist_with": TOKEN, "duration": 0.01, **more}
    return FleetOptions.model_validate(given)


@pytest.mark.gen_test
async def test_records_are_made_first(central: Central, capsys: pytest.CaptureFixture[str]) -> None:
    central.rest["charge-points"] = 409
    assert await run_fleet(options(central, duration=0.3)) == 0
    paths = [path for path, _, _ in central.rest_calls]
    assert paths == ["id-tags"] + ["charge-points"] * 3
    assert {authorization for _, authorization, _ in central.rest_calls} == {f"Bearer {TOKEN}"}
    serials = {body["serialNumber"] for _, _, body in central.rest_calls[1:]}
    assert len(serials) == 3
    told = capsys.readouterr().out
    assert "Whitelisted 0 charge points; 3 were on record already." in told
    assert TOKEN not in told


@pytest.mark.parametrize(("status", "text"), [(401, "--whitelist-with"), (422, "of the test")])
@pytest.mark.gen_test
async def test_a_refusal_is_told(
    central: Central, capsys: pytest.CaptureFixture[str], status: int, text: str
) -> None:
    central.rest["charge-points"] = status
    assert await run_fleet(options(central, duration=10)) == 2
    told = capsys.readouterr().err
    assert text in told and TOKEN not in told
    assert central.requests == []


@pytest.mark.gen_test
async def test_a_server_that_is_away_is_told(
    central: Central, capsys: pytest.CaptureFixture[str]
) -> None:
    away = options(central, duration=10)
    await central.stop()
    assert await run_fleet(away) == 2
    assert "cannot be reached" in capsys.readouterr().err
    await central.start()


@pytest.mark.gen_test
async def test_every_charge_point_boots(central: Central) -> None:
    fleet = options(central, count=5, whitelist_with=None, duration=10)

    async def boots() -> set[str]:
        for _ in range(5):
            await central.expect("BootNotification")
        return {identity for identity, _ in central.requests}

    life = asyncio.create_task(run_fleet(fleet))
    identities = await boots()
    life.cancel()
    assert identities == {f"SIM-{number:05}" for number in range(1, 6)}
    await asyncio.wait({life})


def test_the_command_line_names_what_is_wrong() -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    assert options_of(parser.parse_args(["--count", "7"])).count == 7
    with pytest.raises(ValidationError, match="count"):
        options_of(parser.parse_args(["--count", "0"]))
    with pytest.raises(ValidationError, match="url"):
        options_of(parser.parse_args(["--url", "ftp://x"]))
