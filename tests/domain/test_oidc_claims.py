"""Names and roles from the claims of a provider."""

from __future__ import annotations

from typing import Any

import pytest

from csms.domain.api_token import Role
from csms.domain.oidc_claims import name_of, role_of

ROLES = {"csms-admins": "admin", "staff": "viewer", "operators": "operator"}


@pytest.mark.parametrize(
    ("claims", "name"),
    [
        ({"sub": "1", "preferred_username": " malee ", "email": "m@example.com"}, "malee"),
        ({"sub": "1", "email": "m@example.com", "name": "Malee"}, "m@example.com"),
        ({"sub": "1", "preferred_username": "​"}, "1"),
        ({"sub": "1", "preferred_username": 7, "name": "สมชาย"}, "สมชาย"),
        ({"sub": "x" * 200}, "x" * 64),
    ],
)
def test_the_name_is_the_first_that_can_be_shown(claims: dict[str, Any], name: str) -> None:
    assert name_of(claims) == name


@pytest.mark.parametrize(
    ("claims", "claim", "role"),
    [
        ({"groups": ["staff", "csms-admins", "x"]}, "groups", Role.ADMIN),
        ({"groups": "operators"}, "groups", Role.OPERATOR),
        ({"realm_access": {"roles": ["staff"]}}, "realm_access.roles", Role.VIEWER),
        ({"https://example.com/roles": ["staff"]}, "https://example.com/roles", Role.VIEWER),
        ({"groups": ["Staff"]}, "groups", None),
        ({"groups": [{"staff": 1}, None]}, "groups", None),
        ({"groups": None}, "groups", None),
        ({"realm_access": ["staff"]}, "realm_access.roles", None),
        ({}, "groups", None),
    ],
)
def test_the_highest_role_counts(claims: dict[str, Any], claim: str, role: Role | None) -> None:
    assert role_of(claims, claim, ROLES) is role
