"""Talks to the OpenID Connect provider: authorization code flow with PKCE.

OpenID Connect Core 1.0, 3.1; Discovery 1.0; RFC 7636 (PKCE); RFC 9207 (`iss` of the answer).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest
from tornado.simple_httpclient import SimpleAsyncHTTPClient

from csms.config import Settings
from csms.errors import CsmsError

METADATA_SECONDS = 3600.0
"""How long the provider's description and keys are kept."""
KEYS_AGAIN_AFTER = 10.0
"""Seconds before keys are fetched again for an ID token that none of them has signed."""
TIMEOUT = 10.0
MAX_ANSWER_BYTES = 1024 * 1024
CLOCK_LEEWAY = 60
"""Seconds by which the provider's clock may be ahead or behind."""

ALGORITHMS = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512",
    "Ed25519", "EdDSA",
)  # fmt: skip
"""Signatures that need the provider's private key: `none` and HS256 are not among them."""


class SignOnFailed(CsmsError):
    """The provider's answer signs nobody in. The text is for the log, and holds no secret."""


class ProviderUnavailable(SignOnFailed):
    """The provider did not answer, or not as OpenID Connect has it."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One sign-in under way: what ties the provider's answer to the browser that asked."""

    state: str
    nonce: str
    verifier: str
    next: str
    """The page to show afterwards."""

    @classmethod
    def begin(cls, next_page: str) -> Attempt:
        """A new one, with secrets of 256 bits."""
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        return cls(state, nonce, verifier, next_page)

    def pack(self) -> str:
        """As the value of a cookie."""
        values = [self.state, self.nonce, self.verifier, self.next]
        return base64.urlsafe_b64encode(json.dumps(values).encode()).decode()

    @classmethod
    def unpack(cls, packed: str) -> Attempt | None:
        """The attempt of a cookie; None if it is none of ours."""
        try:
            values = json.loads(base64.urlsafe_b64decode(packed))
        except ValueError:
            return None
        if isinstance(values, list) and len(values) == 4:
            if all(isinstance(value, str) for value in values):
                return cls(*values)
        return None


class Provider:
    """The provider of the setting `oidc_issuer`."""

    def __init__(self, settings: Settings) -> None:
        assert settings.oidc_issuer is not None and settings.oidc_client_id is not None
        self.issuer = settings.oidc_issuer
        self._client_id = settings.oidc_client_id
        secret = settings.oidc_client_secret
        self._client_secret = None if secret is None else secret.get_secret_value()
        self._scope = settings.oidc_scope
        self._metadata: tuple[float, Mapping[str, Any]] | None = None
        self._keys: tuple[float, KeySet] | None = None
        self._http: AsyncHTTPClient | None = None

    async def authorization_url(self, attempt: Attempt, redirect_uri: str) -> str:
        """Where the browser is sent to sign in.

        Raises:
            ProviderUnavailable: the provider did not describe itself.
        """
        challenge = hashlib.sha256(attempt.verifier.encode()).digest()
        query = {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": redirect_uri,
            "scope": self._scope,
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": base64.urlsafe_b64encode(challenge).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        endpoint = self._endpoint(await self.metadata(), "authorization_endpoint")
        return endpoint + ("&" if "?" in endpoint else "?") + urlencode(query)

    async def claims(
        self, attempt: Attempt, answer: Mapping[str, str], redirect_uri: str
    ) -> Mapping[str, Any]:
        """What the provider says of the person who signed in there.

        `answer` is the query that it sent the browser back with.

        Raises:
            SignOnFailed: it is no answer to this attempt, or not the provider's.
            ProviderUnavailable: the provider did not answer in turn.
        """
        if not hmac.compare_digest(answer.get("state", "").encode(), attempt.state.encode()):
            raise SignOnFailed("the state is not that of this browser")
        if answer.get("iss", self.issuer) != self.issuer:
            raise SignOnFailed("another issuer answered")
        if "error" in answer:
            raise SignOnFailed(f"the provider refused: {answer['error'][:100]!r}")
        if not answer.get("code"):
            raise SignOnFailed("there is no code")
        metadata = await self.metadata()
        tokens = await self._redeem(metadata, attempt, answer["code"], redirect_uri)
        claims = await self._verified(metadata, tokens.get("id_token"), attempt.nonce)
        if "userinfo_endpoint" in metadata and isinstance(tokens.get("access_token"), str):
            claims = {**await self._user_info(metadata, tokens, claims["sub"]), **claims}
        return claims

    async def metadata(self) -> Mapping[str, Any]:
        """What the provider says of itself (Discovery 1.0, 4).

        Raises:
            ProviderUnavailable: it did not, or it calls itself something else.
        """
        if self._metadata is None or self._metadata[0] < time.monotonic():
            url = self.issuer.rstrip("/") + "/.well-known/openid-configuration"
            found = await self._fetch(HTTPRequest(url))
            if found.get("issuer") != self.issuer:
                raise ProviderUnavailable(
                    f"the provider calls itself {str(found.get('issuer'))[:200]!r}; set oidc_issuer"
                    " to exactly that"
                )
            self._metadata = time.monotonic() + METADATA_SECONDS, found
        return self._metadata[1]

    async def _redeem(
        self, metadata: Mapping[str, Any], attempt: Attempt, code: str, redirect_uri: str
    ) -> Mapping[str, Any]:
        """Exchange the code for tokens (Core 1.0, 3.1.3)."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": attempt.verifier,
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        methods = metadata.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        if self._client_secret is None:
            form["client_id"] = self._client_id
        elif "client_secret_basic" in methods:
            # Both are form-encoded first (RFC 6749, 2.3.1).
            pair = f"{quote(self._client_id, safe='')}:{quote(self._client_secret, safe='')}"
            headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        else:
            form |= {"client_id": self._client_id, "client_secret": self._client_secret}
        endpoint = self._endpoint(metadata, "token_endpoint")
        return await self._fetch(
            HTTPRequest(endpoint, method="POST", headers=headers, body=urlencode(form))
        )

    async def _verified(
        self, metadata: Mapping[str, Any], id_token: Any, nonce: str
    ) -> Mapping[str, Any]:
        """The claims of an ID token, checked as Core 1.0, 3.1.3.7 asks."""
        if not isinstance(id_token, str):
            raise SignOnFailed("there is no ID token")
        registry = jwt.JWTClaimsRegistry(
            leeway=CLOCK_LEEWAY,
            iss={"essential": True, "value": self.issuer},
            aud={"essential": True, "value": self._client_id},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True, "value": nonce},
        )
        try:
            token = await self._decode(metadata, id_token)
            registry.validate(token.claims)
        except JoseError as error:
            raise SignOnFailed(f"the ID token is not good: {str(error)[:200]}") from None
        except (TypeError, ValueError):
            raise SignOnFailed("the ID token cannot be read") from None
        claims = token.claims
        several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        if claims.get("azp", None if several else self._client_id) != self._client_id:
            raise SignOnFailed("the ID token is for another client")
        return claims

    async def _decode(self, metadata: Mapping[str, Any], id_token: str) -> jwt.Token:
        keys = await self._key_set(metadata, METADATA_SECONDS)
        try:
            return jwt.decode(id_token, keys, algorithms=ALGORITHMS)
        except JoseError:
            # The provider may have changed its keys since.
            again = await self._key_set(metadata, KEYS_AGAIN_AFTER)
            if again is keys:
                raise
            return jwt.decode(id_token, again, algorithms=ALGORITHMS)

    async def _key_set(self, metadata: Mapping[str, Any], oldest: float) -> KeySet:
        """The provider's keys, fetched no longer than so many seconds ago."""
        if self._keys is None or self._keys[0] + oldest < time.monotonic():
            found = await self._fetch(HTTPRequest(self._endpoint(metadata, "jwks_uri")))
            try:
                keys = KeySet.import_key_set(found)  # type: ignore[arg-type]
            except (JoseError, KeyError, TypeError, ValueError):
                raise ProviderUnavailable("the provider's keys cannot be read") from None
            self._keys = time.monotonic(), keys
        return self._keys[1]

    async def _user_info(
        self, metadata: Mapping[str, Any], tokens: Mapping[str, Any], subject: str
    ) -> Mapping[str, Any]:
        """The claims that are not in the ID token (Core 1.0, 5.3)."""
        bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
        endpoint = self._endpoint(metadata, "userinfo_endpoint")
        found = await self._fetch(HTTPRequest(endpoint, headers=bearer))
        if found.get("sub") != subject:
            raise SignOnFailed("the user info is of another person")
        return found

    def _endpoint(self, metadata: Mapping[str, Any], name: str) -> str:
        url = metadata.get(name)
        schemes = ("https://",) if self.issuer.startswith("https://") else ("https://", "http://")
        if not isinstance(url, str) or not url.startswith(schemes):
            raise ProviderUnavailable(f"the provider has no {name} that can be used")
        return url

    async def _fetch(self, request: HTTPRequest) -> Mapping[str, Any]:
        if self._http is None:
            self._http = SimpleAsyncHTTPClient(
                force_instance=True, max_clients=10, max_body_size=MAX_ANSWER_BYTES
            )
        request.follow_redirects = False
        request.request_timeout = request.connect_timeout = TIMEOUT
        where = request.url.partition("?")[0]
        try:
            response = await self._http.fetch(request)
            found = json.loads(response.body)
        except HTTPClientError as error:
            raise ProviderUnavailable(f"{where} answered {error.code}{_reason(error)}") from None
        except OSError as error:
            raise ProviderUnavailable(f"{where} cannot be reached: {error}") from None
        except ValueError:
            raise ProviderUnavailable(f"{where} did not answer with JSON") from None
        if not isinstance(found, dict):
            raise ProviderUnavailable(f"{where} did not answer with a JSON object")
        return found


def _reason(error: HTTPClientError) -> str:
    """The error code of a token endpoint (RFC 6749, 5.2): invalid_grant, invalid_client."""
    try:
        code = json.loads(error.response.body)["error"] if error.response else None
    except (ValueError, KeyError, TypeError):
        return ""
    return f" {code[:100]!r}" if isinstance(code, str) else ""
