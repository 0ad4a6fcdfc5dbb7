"""People who sign in to the admin pages: their names and passwords."""

from __future__ import annotations

from typing import Annotated

import argon2
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from csms.domain.api_token import Role
from csms.domain.text import COMPOSED, fold_text

MIN_PASSWORD = 10
MAX_PASSWORD = 200

_HASHER = argon2.PasswordHasher()
_NOBODY = _HASHER.hash("nobody has this password")


def _plain_name(name: str) -> str:
    if not name.isprintable():
        raise ValueError("use letters, digits and signs that can be seen")
    return name


UserName = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=64),
    AfterValidator(_plain_name),
    COMPOSED,
]
Password = Annotated[
    str,
    Field(
        min_length=MIN_PASSWORD,
        max_length=MAX_PASSWORD,
        description=f"{MIN_PASSWORD} characters or more; stored hashed, never shown",
    ),
]


class NewUser(BaseModel):
    """A user to make."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    name: UserName
    password: Password
    role: Role = Role.VIEWER


class UserPatch(BaseModel):
    """Changes to a user; a new password or role ends the sessions that are open."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    password: Password = Field(default="", validate_default=False)
    role: Role = Role.VIEWER


def fold(name: str) -> str:
    """A name as it is compared: without case, in any normal form."""
    return fold_text(name.strip())


def hash_password(password: str) -> str:
    """The salted hash (argon2id) to store. Takes some 50 ms: keep it off the event loop."""
    return _HASHER.hash(password)


def verify_password(stored_hash: str | None, password: str) -> bool:
    """Whether the password fits. Takes as long when there is no such user.

    Some 50 ms: keep it off the event loop.
    """
    try:
        _HASHER.verify(stored_hash or _NOBODY, password)
    except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
        return False
    return stored_hash is not None
