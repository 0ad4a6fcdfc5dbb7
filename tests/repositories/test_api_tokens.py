"""Tokens of the admin REST."""

from __future__ import annotations

from datetime import timedelta

import pytest

from csms import db
from csms.domain.api_token import Role
from csms.errors import NotFound
from csms.repositories.api_tokens import ApiTokens
from tests.repositories.conftest import Clock

pytestmark = pytest.mark.gen_test


@pytest.fixture
def tokens(memory: db.Database, clock: Clock) -> ApiTokens:
    return ApiTokens(memory, clock)


async def test_a_token_is_known_and_stored_nowhere(tokens: ApiTokens, memory: db.Database) -> None:
    record, token = await tokens.create("ops", Role.OPERATOR, created_by="first")
    known = await tokens.authenticate(token)
    assert known is not None and (known.name, known.role) == ("ops", Role.OPERATOR)
    assert known.id == record["_id"]
    assert token not in str(await memory.api_tokens.find().to_list(None))
    assert await tokens.authenticate(token + "x") is None


async def test_a_revoked_token_is_unknown_at_once(database: db.Database, clock: Clock) -> None:
    tokens = ApiTokens(database, clock)
    record, token = await tokens.create("ops", Role.VIEWER, created_by="first")
    assert await tokens.authenticate(token)
    await tokens.revoke(record["_id"])
    assert await tokens.authenticate(token) is None
    with pytest.raises(NotFound):
        await tokens.revoke(record["_id"])


async def test_a_token_ends(tokens: ApiTokens, clock: Clock) -> None:
    until = clock() + timedelta(hours=1)
    _, token = await tokens.create("ops", Role.VIEWER, created_by="first", expires_at=until)
    clock.advance(hours=2)
    assert await tokens.authenticate(token) is None


async def test_the_first_token_is_made_once(tokens: ApiTokens) -> None:
    first = await tokens.ensure_first(None)
    assert first is not None
    known = await tokens.authenticate(first)
    assert known is not None and known.role == Role.ADMIN
    assert await tokens.ensure_first(None) is None


async def test_the_configured_token_is_replaced_with_its_setting(
    memory: db.Database, clock: Clock
) -> None:
    assert await ApiTokens(memory, clock).ensure_first("one-of-mine-that-is-long") is None
    await ApiTokens(memory, clock).ensure_first("another-of-mine-that-is-long")
    later = ApiTokens(memory, clock)
    assert await later.authenticate("one-of-mine-that-is-long") is None
    assert await later.authenticate("another-of-mine-that-is-long")
    assert await later.ensure_first(None) is not None
    assert await ApiTokens(memory, clock).authenticate("another-of-mine-that-is-long") is None
