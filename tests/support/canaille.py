"""Canaille, a real OpenID Connect provider, as a process of its own on loopback."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tornado.httpclient import AsyncHTTPClient

from csms.embedded_mongod import free_port
from tests.support import PATIENCE

BINARY = Path(__file__).parents[2] / ".venv" / "canaille" / "bin" / "canaille"
NAME, PASSWORD = "malee", "correct-horse-9"
GROUP = "csms-admins"
CLIENT_ID, CLIENT_SECRET = "csms", "the secret of csms there"


class Canaille:
    """Has one person, in one group, and one client."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.issuer = f"http://127.0.0.1:{self.port}"
        self._environment = os.environ | {"CANAILLE_CONFIG": str(folder / "canaille.toml")}
        key = json.loads(self.run("jwk", "create", "rsa"))
        inline = ", ".join(f"{name} = {json.dumps(value)}" for name, value in key.items())
        (folder / "canaille.toml").write_text(
            f"""
SECRET_KEY = "only for this test"
SERVER_NAME = "127.0.0.1:{self.port}"
PREFERRED_URL_SCHEME = "http"
[CANAILLE]
DATABASE = "sql"
JAVASCRIPT = false
HTMX = false
[CANAILLE_SQL]
DATABASE_URI = "sqlite:///{folder}/canaille.sqlite"
[CANAILLE_OIDC]
REQUIRE_NONCE = true
ACTIVE_JWKS = [{{{inline}}}]
"""
        )
        self.run("install")
        self.create("user", user_name=NAME, password=PASSWORD, family_name="Dee", emails="m@x.test")
        self.create("group", display_name=GROUP, members=NAME)

    def register(self, redirect_uri: str) -> None:
        """Make csms known, as its administrator would."""
        self.create(
            "client",
            client_id=CLIENT_ID,
            client_secret=CLIENT_SECRET,
            client_name="csms",
            redirect_uris=redirect_uri,
            grant_types="authorization_code",
            response_types="code",
            scope=["openid", "profile", "email", "groups"],
            token_endpoint_auth_method="client_secret_basic",
        )
        self.run("set", "client", CLIENT_ID, "--audience", CLIENT_ID)

    def create(self, kind: str, **fields: str | list[str]) -> None:
        """Make a record."""
        options: list[str] = []
        for name, value in fields.items():
            for one in [value] if isinstance(value, str) else value:
                options += ["--" + name.replace("_", "-"), one]
        self.run("create", kind, *options)

    def run(self, *arguments: str) -> str:
        """Run one of its commands; returns what it prints."""
        assert BINARY.exists(), "install it with scripts/test --all, which does so first"
        done = subprocess.run(
            [BINARY, *arguments], env=self._environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[None]:
        """Serve until the block ends."""
        process = await asyncio.create_subprocess_exec(
            BINARY,
            "run",
            "--bind",
            f"127.0.0.1:{self.port}",
            env=self._environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            async with asyncio.timeout(PATIENCE):
                while not await self._answers():
                    assert process.returncode is None
                    await asyncio.sleep(0.1)
            yield
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()

    async def _answers(self) -> bool:
        url = self.issuer + "/.well-known/openid-configuration"
        try:
            response = await AsyncHTTPClient().fetch(url, raise_error=False)
        except OSError:
            return False
        return response.code == 200
