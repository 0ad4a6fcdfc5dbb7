"""Commands: their outcomes, and which transaction a RemoteStart led to."""

from __future__ import annotations

from typing import Any

import pytest

from csms import db
from csms.domain.command import CommandStatus, Outcome
from csms.repositories.commands import REMOTE_START, Commands
from tests.repositories.conftest import START, Clock

pytestmark = pytest.mark.gen_test


@pytest.fixture
def commands(memory: db.Database) -> Commands:
    return Commands(memory)


async def remote_start(
    commands: Commands, clock: Clock, answer: str | None = "Accepted", **payload: Any
) -> str:
    """A RemoteStart for TAG on connector 1, unless told otherwise, and its answer."""
    asked = {"idTag": "TAG", "connectorId": 1, **payload}
    command_id = await commands.create("CP1", REMOTE_START, asked, "Ann", clock(), "n1")
    if answer is not None:
        await commands.finish(
            command_id,
            CommandStatus.ANSWERED,
            Outcome.ANSWERED,
            clock(),
            response={"status": answer},
        )
    return command_id


async def claim(commands: Commands, transaction_id: int = 7, connector_id: int = 1) -> str | None:
    return await commands.claim_remote_start("CP1", connector_id, "tag", transaction_id, START)


async def test_a_life_of_a_command(commands: Commands, clock: Clock) -> None:
    command_id = await commands.create("CP1", "Reset", {"type": "Soft"}, "Ann", clock(), "n1")
    await commands.mark_sent(command_id)
    sent = await commands.collection.find_one({"_id": command_id})
    assert sent is not None and (sent["status"], sent["requestedBy"]) == ("Sent", "Ann")
    clock.advance(seconds=1)
    late = {"message": "late"}
    await commands.finish(
        command_id, CommandStatus.TIMEOUT, Outcome.SENT_NO_ANSWER, clock(), error=late
    )
    # A note that comes late does not take the outcome back.
    await commands.mark_sent(command_id)
    done = await commands.collection.find_one({"_id": command_id})
    assert done is not None and (done["status"], done["error"]) == ("Timeout", late)
    assert done["outcome"] == "sentNoAnswer"
    assert done["completedAt"] > done["requestedAt"]


async def reset(commands: Commands, clock: Clock, *ending: Any, **fields: Any) -> str:
    """A Reset that was sent, and what ended it, if anything has."""
    command_id = await commands.create("CP1", "Reset", {"type": "Hard"}, "Ann", clock(), "n1")
    await commands.mark_sent(command_id)
    if ending:
        await commands.finish(command_id, *ending, clock(), **fields)
    return command_id


@pytest.mark.parametrize(
    ("ending", "status"),
    [
        ((CommandStatus.ANSWERED, Outcome.ANSWERED), "Accepted"),
        ((CommandStatus.TIMEOUT, Outcome.SENT_NO_ANSWER), None),
        ((), None),
    ],
)
async def test_a_reset_is_done_when_a_boot_follows(
    commands: Commands, clock: Clock, ending: tuple[Any, ...], status: str | None
) -> None:
    response = {"response": {"status": status}} if status and ending else {}
    command_id = await reset(commands, clock, *ending, **response)
    await commands.note_reset_done("CP1", clock())
    # The loss of the old socket may be noticed later than the boot on the new one.
    late = (CommandStatus.TIMEOUT, Outcome.SENT_NO_ANSWER)
    await commands.finish(command_id, *late, clock())
    done = await commands.get(command_id)
    assert done is not None and done["outcome"] == "done" and done["completedAt"] is not None


async def test_what_a_boot_says_nothing_about(commands: Commands, clock: Clock) -> None:
    old = await reset(commands, clock, CommandStatus.TIMEOUT, Outcome.SENT_NO_ANSWER)
    clock.advance(seconds=1)
    since = clock()
    answered = (CommandStatus.ANSWERED, Outcome.ANSWERED)
    rejected = await reset(commands, clock, *answered, response={"status": "Rejected"})
    not_sent = await reset(commands, clock, CommandStatus.OFFLINE, Outcome.NOT_SENT)
    start = await remote_start(commands, clock)
    await commands.note_reset_done("CP1", since)
    await commands.note_reset_done("CP2", since)
    outcomes = [await commands.get(one) for one in (old, rejected, not_sent, start)]
    assert [one["outcome"] for one in outcomes if one] == [
        "sentNoAnswer", "answered", "notSent", "answered"
    ]  # fmt: skip


async def test_the_newest_that_fits_is_taken_once(commands: Commands, clock: Clock) -> None:
    older = await remote_start(commands, clock)
    clock.advance(seconds=5)
    newer = await remote_start(commands, clock)
    assert [await claim(commands, 7), await claim(commands, 8)] == [newer, older]
    assert await claim(commands, 9) is None


async def test_one_without_a_connector_fits_any(commands: Commands, clock: Clock) -> None:
    command_id = await commands.create("CP1", REMOTE_START, {"idTag": "TAG"}, "Ann", clock(), None)
    assert await claim(commands, connector_id=2) == command_id


async def test_one_that_is_not_answered_yet_fits(commands: Commands, clock: Clock) -> None:
    command_id = await remote_start(commands, clock, answer=None)
    assert await claim(commands) == command_id


@pytest.mark.parametrize(
    "what", [{"answer": "Rejected"}, {"connectorId": 2}, {"idTag": "OTHER"}, {"age": 601}]
)
async def test_others_do_not_fit(commands: Commands, clock: Clock, what: dict[str, Any]) -> None:
    clock.advance(seconds=-what.pop("age", 0))
    await remote_start(commands, clock, **what)
    assert await claim(commands) is None


async def test_one_whose_answer_came_too_late_is_still_linked(
    commands: Commands, clock: Clock
) -> None:
    timed_out = await remote_start(commands, clock, answer=None)
    await commands.finish(timed_out, CommandStatus.TIMEOUT, Outcome.SENT_NO_ANSWER, clock())
    assert await claim(commands) == timed_out
    lost = await remote_start(commands, clock, answer=None, connectorId=2)
    await commands.finish(lost, CommandStatus.OFFLINE, Outcome.SENT_NO_ANSWER, clock())
    assert await claim(commands, connector_id=2) == lost


async def test_one_that_was_never_sent_is_not_linked(commands: Commands, clock: Clock) -> None:
    unsent = await remote_start(commands, clock, answer=None)
    await commands.finish(unsent, CommandStatus.TIMEOUT, Outcome.NOT_SENT, clock())
    assert await claim(commands) is None
