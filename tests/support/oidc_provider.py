"""A small OpenID Connect provider: it signs everybody in, and can be made to misbehave."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application, RequestHandler

CLIENT_ID, CLIENT_SECRET = "csms", "a secret: with +signs"


class FakeProvider:
    """Listens on loopback. What it says of the person is `claims`."""

    def __init__(self) -> None:
        socket, port = bind_unused_port()
        self.issuer = f"http://127.0.0.1:{port}"
        self.key = RSAKey.generate_key(2048, {"kid": "one"})
        self.claims: dict[str, Any] = {"sub": "42", "preferred_username": "malee"}
        self.user_info: dict[str, Any] = {}
        self.changed: dict[str, Any] = {}
        """Claims of the ID token that are not as they should be; None leaves one out."""
        self.algorithm = "RS256"
        self.signing_key: RSAKey | OctKey | None = None
        """Signs in place of the published one."""
        self.authorized: dict[str, dict[str, str]] = {}
        self.keys_fetched = 0
        self.metadata: dict[str, Any] = {}
        """What it says of itself otherwise than usual."""
        self.raw: dict[str, bytes] = {}
        """Answers to paths, in place of the right ones."""
        self.asked: list[str] = []
        """The paths that were asked for."""
        routes = [("/(.*)", _Handler, {"provider": self})]
        self.server = HTTPServer(Application(routes))
        self.server.add_socket(socket)

    def authorize(self, url: str, **changed: str | None) -> str:
        """What a browser does with the authorization URL; returns the query it is sent back with.

        `changed` are parameters of that answer; None leaves one out.
        """
        asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        code = f"code-{len(self.authorized)}"
        self.authorized[code] = asked
        answer = {"code": code, "state": asked["state"], "iss": self.issuer, **changed}
        return urlencode({name: value for name, value in answer.items() if value is not None})

    def id_token(self, nonce: str) -> str:
        """A signed ID token."""
        now = int(time.time())
        times = {"iat": now, "exp": now + 300}
        claims = {"iss": self.issuer, "aud": CLIENT_ID, "nonce": nonce, **times, **self.claims}
        claims = {n: v for n, v in {**claims, **self.changed}.items() if v is not None}
        if self.algorithm == "none":
            parts = [json.dumps(part).encode() for part in ({"alg": "none"}, claims)]
            encoded = [base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts]
            return ".".join([*encoded, ""])
        header = {"alg": self.algorithm, "kid": self.key.kid}
        return jwt.encode(header, claims, self.signing_key or self.key, [self.algorithm])


class _Handler(RequestHandler):
    def initialize(self, provider: FakeProvider) -> None:
        self.provider = provider

    def get(self, path: str) -> None:
        provider = self.provider
        provider.asked.append(path)
        if path in provider.raw:
            self.finish(provider.raw[path])
        elif path == ".well-known/openid-configuration":
            self.finish(
                {
                    "issuer": provider.issuer,
                    "authorization_endpoint": provider.issuer + "/authorize",
                    "token_endpoint": provider.issuer + "/token",
                    "jwks_uri": provider.issuer + "/keys",
                    "userinfo_endpoint": provider.issuer + "/me",
                    **provider.metadata,
                }
            )
        elif path == "keys":
            provider.keys_fetched += 1
            self.finish({"keys": [provider.key.as_dict(private=False)]})
        elif path == "me":
            self.finish({"sub": provider.claims["sub"], **provider.user_info})
        else:
            self.send_error(404)

    def post(self, path: str) -> None:
        self.provider.asked.append(path)
        if path in self.provider.raw:
            self.finish(self.provider.raw[path])
            return
        code, verifier = self.get_body_argument("code"), self.get_body_argument("code_verifier")
        asked = self.provider.authorized.pop(code, None)
        expected = base64.b64encode(b"csms:a%20secret%3A%20with%20%2Bsigns").decode()
        digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest())
        if (
            asked is None
            or self.request.headers.get("Authorization") != "Basic " + expected
            or asked["redirect_uri"] != self.get_body_argument("redirect_uri")
            or asked["code_challenge"] != digest.rstrip(b"=").decode()
        ):
            self.set_status(400)
            self.finish({"error": "invalid_grant"})
            return
        self.finish(
            {
                "access_token": "an access token",
                "token_type": "Bearer",
                "id_token": self.provider.id_token(asked["nonce"]),
            }
        )
