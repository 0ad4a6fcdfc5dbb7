"""Talks to the OpenID Connect provider: authorization code flow with PKCE.

OpenID Connect Core 1.0, 3.1; Discovery 1.0; RFC 7636 (PKCE); RFC 9207 (`iss` of the answer).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from tornado.httpclient import HTTPRequest

from csms.config import Settings
from csms.web.oidc_http import Kept, ProviderHttp, ProviderUnavailable, SignOnFailed

METADATA_SECONDS = 3600.0
"""How long the provider's description and keys are kept."""
KEYS_AGAIN_AFTER = 10.0
"""Seconds before keys are fetched again for an ID token that none of them has signed."""
MAX_SUBJECT = 255
"""Characters of a subject (Core 1.0, 2)."""
CLOCK_LEEWAY = 60
"""Seconds by which the provider's clock may be ahead or behind."""

ALGORITHMS = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512",
    "Ed25519", "EdDSA",
)  # fmt: skip
"""Signatures that need the provider's private key: `none` and HS256 are not among them."""


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
        return base64.urlsafe_b64encode(json.dumps(values, ensure_ascii=False).encode()).decode()

    @classmethod
    def unpack(cls, packed: str) -> Attempt | None:
        """The attempt of a cookie; None if it is none of ours."""
        try:
            values = json.loads(base64.urlsafe_b64decode(packed))
        except (ValueError, RecursionError):
            return None
        if isinstance(values, list) and len(values) == 4:
            if all(isinstance(value, str) and value and value.isprintable() for value in values):
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
        self._http = ProviderHttp()
        self._metadata = Kept(self._read_metadata)
        self._keys = Kept(self._read_keys)

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

    def code_of(self, attempt: Attempt, answer: Mapping[str, str]) -> str:
        """The code in an answer to this attempt; `answer` is the query the browser came back with.

        Raises:
            SignOnFailed: it is no answer to this attempt, or not the provider's.
        """
        if not hmac.compare_digest(answer.get("state", "").encode(), attempt.state.encode()):
            raise SignOnFailed("the state is not that of this browser")
        if answer.get("iss", self.issuer) != self.issuer:
            raise SignOnFailed("another issuer answered")
        if "error" in answer:
            raise SignOnFailed(f"the provider refused: {answer['error'][:100]!r}")
        if not answer.get("code"):
            raise SignOnFailed("there is no code")
        return answer["code"]

    async def claims(self, attempt: Attempt, code: str, redirect_uri: str) -> Mapping[str, Any]:
        """What the provider says of the person who signed in there.

        Raises:
            SignOnFailed: it did not give this code, or its answer is not for this attempt.
            ProviderUnavailable: the provider did not answer.
        """
        metadata = await self.metadata()
        tokens = await self._redeem(metadata, attempt, code, redirect_uri)
        claims = await self._verified(tokens.get("id_token"), attempt.nonce)
        if "userinfo_endpoint" in metadata and isinstance(tokens.get("access_token"), str):
            claims = {**await self._user_info(metadata, tokens, claims["sub"]), **claims}
        return claims

    async def metadata(self) -> Mapping[str, Any]:
        """What the provider says of itself (Discovery 1.0, 4).

        Raises:
            ProviderUnavailable: it did not, or it calls itself something else.
        """
        return await self._metadata.get(METADATA_SECONDS)

    async def _read_metadata(self) -> Mapping[str, Any]:
        url = self.issuer.rstrip("/") + "/.well-known/openid-configuration"
        found = await self._http.fetch(HTTPRequest(url))
        if found.get("issuer") != self.issuer:
            raise ProviderUnavailable(
                f"the provider calls itself {str(found.get('issuer'))[:200]!r}; set oidc_issuer"
                " to exactly that"
            )
        return found

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
        methods = metadata.get("token_endpoint_auth_methods_supported")
        if not isinstance(methods, list):
            methods = ["client_secret_basic"]
        if self._client_secret is None:
            form["client_id"] = self._client_id
        elif "client_secret_basic" in methods:
            # Both are form-encoded first (RFC 6749, 2.3.1).
            pair = f"{quote(self._client_id, safe='')}:{quote(self._client_secret, safe='')}"
            headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        else:
            form |= {"client_id": self._client_id, "client_secret": self._client_secret}
        endpoint = self._endpoint(metadata, "token_endpoint")
        return await self._http.fetch(
            HTTPRequest(endpoint, method="POST", headers=headers, body=urlencode(form))
        )

    async def _verified(self, id_token: Any, nonce: str) -> Mapping[str, Any]:
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
            token = await self._decode(id_token)
            registry.validate(token.claims)
        except JoseError as error:
            raise SignOnFailed(f"the ID token is not good: {str(error)[:200]}") from None
        except (TypeError, ValueError):
            raise SignOnFailed("the ID token cannot be read") from None
        claims = token.claims
        subject = claims["sub"]
        if not isinstance(subject, str) or not subject.isprintable() or len(subject) > MAX_SUBJECT:
            raise SignOnFailed("the ID token has no subject that is one")
        several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        if claims.get("azp", None if several else self._client_id) != self._client_id:
            raise SignOnFailed("the ID token is for another client")
        return claims

    async def _decode(self, id_token: str) -> jwt.Token:
        keys = await self._keys.get(METADATA_SECONDS)
        try:
            return jwt.decode(id_token, keys, algorithms=ALGORITHMS)
        except JoseError:
            # The provider may have changed its keys since.
            again = await self._keys.get(KEYS_AGAIN_AFTER)
            if again is keys:
                raise
            return jwt.decode(id_token, again, algorithms=ALGORITHMS)

    async def _read_keys(self) -> KeySet:
        endpoint = self._endpoint(await self.metadata(), "jwks_uri")
        found = await self._http.fetch(HTTPRequest(endpoint))
        try:
            return KeySet.import_key_set(found)  # type: ignore[arg-type]
        except (JoseError, KeyError, TypeError, ValueError):
            raise ProviderUnavailable("the provider's keys cannot be read") from None

    async def _user_info(
        self, metadata: Mapping[str, Any], tokens: Mapping[str, Any], subject: str
    ) -> Mapping[str, Any]:
        """The claims that are not in the ID token (Core 1.0, 5.3)."""
        bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
        endpoint = self._endpoint(metadata, "userinfo_endpoint")
        found = await self._http.fetch(HTTPRequest(endpoint, headers=bearer))
        if found.get("sub") != subject:
            raise SignOnFailed("the user info is of another person")
        return found

    def _endpoint(self, metadata: Mapping[str, Any], name: str) -> str:
        url = metadata.get(name)
        schemes = ("https://",) if self.issuer.startswith("https://") else ("https://", "http://")
        if not isinstance(url, str) or not url.startswith(schemes):
            raise ProviderUnavailable(f"the provider has no {name} that can be used")
        return url
