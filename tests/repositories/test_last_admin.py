"""The last admin and the last admin token stay, whoever else is removed at the same time."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from csms import db
from csms.domain.api_token import Role
from csms.domain.user import UserPatch
from csms.errors import LastAdmin, NotFound
from csms.repositories.api_tokens import ApiTokens
from csms.repositories.users import Users
from tests.repositories.conftest import Clock

pytestmark = pytest.mark.gen_test


async def add_users(database: db.Database, *names: str, role: Role = Role.ADMIN) -> None:
    for name in names:
        await database.users.insert_one({"_id": name, "name": name, "role": role.value})


async def test_of_two_admins_who_remove_each_other_one_stays(
    database: db.Database, clock: Clock
) -> None:
    users = Users(database, clock)
    for _ in range(10):
        await database.users.delete_many({})
        await add_users(database, "a", "b")
        done = await asyncio.gather(
            users.delete("a"),
            users.change("b", UserPatch(role=Role.VIEWER)),
            return_exceptions=True,
        )
        assert sorted(isinstance(one, LastAdmin) for one in done) == [False, True], done
        assert await database.users.count_documents({"role": "admin"}) == 1


async def test_others_are_removed_and_changed(database: db.Database, clock: Clock) -> None:
    users = Users(database, clock)
    await add_users(database, "viewer", role=Role.VIEWER)
    await users.change("viewer", UserPatch(role=Role.OPERATOR))
    await add_users(database, "admin")
    assert (await users.change("admin", UserPatch(role=Role.ADMIN)))["role"] == "admin"
    await users.delete("viewer")
    with pytest.raises(LastAdmin):
        await users.delete("admin")
    with pytest.raises(NotFound):
        await users.delete("viewer")


async def test_the_last_token_that_is_good_stays(database: db.Database, clock: Clock) -> None:
    tokens = ApiTokens(database, clock)
    first, _ = await tokens.create("first", Role.ADMIN, created_by="test")
    soon = clock() + timedelta(hours=1)
    second, _ = await tokens.create("second", Role.ADMIN, created_by="test", expires_at=soon)
    viewer, _ = await tokens.create("viewer", Role.VIEWER, created_by="test")
    clock.advance(hours=2)
    with pytest.raises(LastAdmin):
        await tokens.revoke(first["_id"])
    await tokens.revoke(second["_id"])
    await tokens.revoke(viewer["_id"])
    third, _ = await tokens.create("third", Role.ADMIN, created_by="test")
    done = await asyncio.gather(
        *(tokens.revoke(one["_id"]) for one in (first, third)), return_exceptions=True
    )
    assert sorted(isinstance(one, LastAdmin) for one in done) == [False, True], done
