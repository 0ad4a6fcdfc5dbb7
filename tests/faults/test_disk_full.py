"""The disk of the private mongod fills up under load, and has room again later.

The data directory is a small file system in memory, mounted in a namespace of its own, which
vanishes with the csms that runs in it.
"""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

import pytest

from csms.mongod_secrets import URI_FILE, read_secret
from tests.e2e import test_serve
from tests.faults.load import (
    Load,
    assert_nobody_was_dropped,
    assert_stored_once,
    senders,
    survive,
)

pytestmark = pytest.mark.long

TOKEN = "a-token-of-the-test-itself"
DISK_MB = 400
"""MongoDB sets aside 300 MB for its journal as soon as it starts."""

NAMESPACE = ("unshare", "--map-root-user", "--mount")


def may_mount() -> bool:
    """Whether this user may mount in a namespace of his own."""
    try:
        return subprocess.run([*NAMESPACE, "true"], capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not may_mount(), reason="needs unshare of util-linux and user namespaces")
@pytest.mark.gen_test(timeout=150)
async def test_the_disk_is_full_for_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(test_serve.SETTINGS, "CSMS_ADMIN_TOKEN", TOKEN)
    mount = f'mount -t tmpfs -o size={DISK_MB}m none "$0" && exec "$@"'
    async with test_serve.serve(tmp_path, *NAMESPACE, "sh", "-c", mount, str(tmp_path)) as process:
        client = await process.ready()
        load = Load(await senders(client, token=TOKEN))
        data_dir = Path(f"/proc/{process.process.pid}/root{tmp_path}")
        ballast = data_dir / "ballast"

        async def be_full_for_a_while() -> None:
            await asyncio.to_thread(fill, ballast)
            await process.logs("mongod_not_started")
            await asyncio.to_thread(ballast.unlink)

        await survive(load, be_full_for_a_while, "disk full")
        assert (await client.rest("GET", "/readyz", token=None))[0] == 200
        assert_nobody_was_dropped(load)
        assert_stored_once(load, read_secret(data_dir / URI_FILE))
        for sender in load.senders:
            await sender.close()


def fill(ballast: Path) -> None:
    """Leave no room."""
    with ballast.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space left"):
        while True:
            file.write(bytes(65536))
