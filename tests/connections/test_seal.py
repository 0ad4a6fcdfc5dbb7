"""What travels sealed between nodes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from csms.connections.former_seal import FormerSeal, former_seal
from csms.connections.seal import Seal, Unreadable, seal

PAYLOAD = {"key": "AuthorizationKey", "value": "ความลับ"}


def test_only_the_node_that_it_is_for_can_read_it() -> None:
    node = Seal()
    sealed = seal(PAYLOAD, node.public_key, "c1")
    assert b"AuthorizationKey" not in sealed
    assert node.open(sealed, "c1") == PAYLOAD
    with pytest.raises(Unreadable):
        Seal().open(sealed, "c1")


def test_it_cannot_be_put_into_another_command() -> None:
    node = Seal()
    sealed = seal(PAYLOAD, node.public_key, "c1")
    with pytest.raises(Unreadable):
        node.open(sealed, "c2")


def test_a_node_of_version_0_2_0_is_understood() -> None:
    node = FormerSeal()
    assert node.open(former_seal(PAYLOAD, node.public_key)) == PAYLOAD


@pytest.mark.parametrize(
    "spoil", [lambda s: b"", lambda s: s[:40], lambda s: s[:-1] + bytes([s[-1] ^ 1])]
)
def test_what_is_no_seal_at_all_is_unreadable(spoil: Callable[[bytes], bytes]) -> None:
    node, former = Seal(), FormerSeal()
    openings: list[Callable[[], Any]] = [
        lambda: node.open(spoil(seal(PAYLOAD, node.public_key, "c")), "c"),
        lambda: former.open(spoil(former_seal(PAYLOAD, former.public_key))),
    ]
    for opening in openings:
        with pytest.raises(Unreadable):
            opening()
