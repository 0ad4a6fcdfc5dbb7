"""Configuration keys of charge points: what a GetConfiguration answer says, and what is secret."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from csms.domain.text import bare

AUTHORIZATION_KEY = "AuthorizationKey"
HEARTBEAT_INTERVAL = "HeartbeatInterval"
SECURITY_PROFILE = "SecurityProfile"
MASK = "********"

_SECRETS = (
    "authorizationkey", "password", "passwd", "passphrase", "passcode", "pwd", "secret", "token",
    "psk", "pincode", "apikey", "accesskey", "privatekey", "credential",
)  # fmt: skip
"""What the names of secrets have in them, in lower case and without what separates words."""

_ROOTS = ("pass", "pwd", "secret", "token", "psk", "pin", "key", "credential")
"""One of these is in each of them."""

_SECRET = re.compile("|".join(_SECRETS), re.I)
_FILLING = re.compile(r"[\x00-\x20\x7f_.-]")
_ESCAPED = re.compile(r"\\+u00([0-9a-f]{2})", re.I)
_VALUE_NAMES = frozenset({"value", "val"})
_UNKNOWN_KEYS = "unknownkey"


def is_secret(key: str) -> bool:
    """Whether the value of a configuration key must not be shown or recorded."""
    return _SECRET.search(_bare_name(key)) is not None


def is_authorization_key(key: str) -> bool:
    """Whether a configuration key is the charge point's password."""
    return bare(key).casefold() == AUTHORIZATION_KEY.casefold()


def may_be_authorization_key(key: str) -> bool:
    """Whether a charge point might take a configuration key for its password.

    Nobody knows which separators, letters of full width or invisible characters it overlooks.
    """
    return AUTHORIZATION_KEY.upper() in _bare_name(key).upper()


def _bare_name(key: str) -> str:
    """The name of a key, without what separates words and what cannot be seen."""
    if not key.isascii():
        key = "".join(c for c in unicodedata.normalize("NFKC", key) if not _is_filling(c))
    return _FILLING.sub("", key)


def _is_filling(character: str) -> bool:
    return character.isspace() or unicodedata.category(character) in ("Cc", "Cf", "Mn", "Pd")


def may_name_secret(text: str) -> bool:
    """Whether the name of a secret may be in a text, or in its JSON; False is sure. Fast."""
    if "\\u00" in text:
        text = _ESCAPED.sub(lambda code: chr(int(code[1], 16)), text)
    plain = text.lower()
    for filling in "_-. ":
        plain = plain.replace(filling, "")
    return any(root in plain for root in _ROOTS)


def configuration_values(answer: Mapping[str, Any]) -> dict[str, str]:
    """The values of a GetConfiguration.conf by folded key; entries without a value are left out."""
    entries = answer.get("configurationKey")
    values = {}
    for entry in entries if isinstance(entries, list) else []:
        if not isinstance(entry, dict):
            continue
        key, value = entry.get("key"), entry.get("value")
        if isinstance(key, str) and isinstance(value, str | int | float) and value != "":
            values[bare(key).casefold()] = bare(str(value))
    return values


def without_secrets(answer: Any) -> Any:
    """A GetConfiguration.conf of any shape, without the values that are secrets.

    Secret is what a property with a telling name has, and what stands beside the name of a secret
    key in an object or a list. `answer` must not be nested deep.
    """
    if isinstance(answer, dict):
        names_secret = any(
            isinstance(value, str) and is_secret(value)
            for name, value in answer.items()
            if name.casefold() not in _VALUE_NAMES
        )
        return {name: _masked(name, value, names_secret) for name, value in answer.items()}
    if isinstance(answer, list):
        names_secret = any(isinstance(item, str) and is_secret(item) for item in answer)
        return [_masked("", item, names_secret) for item in answer]
    return answer


def _masked(name: str, value: Any, names_secret: bool) -> Any:
    if name.casefold() == _UNKNOWN_KEYS:
        return value
    if value in (None, "") or isinstance(value, bool):
        return value
    is_name = isinstance(value, str) and is_secret(value) and name.casefold() not in _VALUE_NAMES
    if is_secret(name) or (names_secret and not is_name):
        return MASK
    return without_secrets(value)
