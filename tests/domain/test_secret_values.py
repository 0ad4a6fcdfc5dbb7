"""Secrets are found by their value, however they are repeated."""

from __future__ import annotations

import base64
import html
import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.domain.configuration import MASK
from csms.domain.secret_values import (
    MAX_CHARGE_POINTS,
    MAX_VALUES,
    REMEMBERED_SECONDS,
    KnownSecrets,
    SecretValues,
)

KEY = "S3cret-Key of-20+chr"
HEX = "0123456789abcdef0123456789ABCDEF"


class Clock:
    """A clock that is set by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    "echo",
    [
        KEY,
        KEY.upper(),
        KEY.encode().hex(),
        KEY.encode().hex(":"),
        base64.b64encode(KEY.encode()).decode(),
        quote(KEY),
        KEY[:10] + "…",
        json.dumps(json.dumps({"k": KEY})),
    ],
)
def test_a_key_in_every_encoding(echo: str) -> None:
    masked = SecretValues([KEY]).mask(f"refused: {echo} (34)")
    assert masked.startswith("refused: ") and masked.endswith(" (34)") and MASK in masked
    assert KEY[:8].lower() not in masked.lower()


def test_a_key_in_hex_is_found_as_its_bytes_too() -> None:
    secrets = SecretValues([HEX])
    for echo in (HEX.lower(), base64.b64encode(bytes.fromhex(HEX)).decode()):
        assert echo not in secrets.mask(f"<{echo}>")


@given(st.binary(max_size=20), st.text(min_size=10, max_size=40), st.binary(max_size=9))
def test_a_key_within_base64(before: bytes, key: str, after: bytes) -> None:
    raw = key.encode("utf-8", "replace")
    coded = base64.b64encode(before + raw + after).decode()
    masked = SecretValues([raw.decode()]).mask(coded)
    assert MASK in masked
    assert len(masked.replace(MASK, "")) <= len(coded) - len(raw)


@given(st.text(min_size=8, max_size=40), st.text(max_size=30), st.text(max_size=30))
def test_nothing_but_the_secret_goes(key: str, before: str, after: str) -> None:
    secrets = SecretValues([key])
    assert MASK in secrets.mask(before + key + after)
    for echo in (json.dumps(key), quote(key, errors="replace"), html.escape(key)):
        assert key not in secrets.mask(before + echo + after) or len(key) < 6
    plain = before.replace("*", "")
    if secrets.mask(plain) != plain:
        assert any(form[:8] in plain.lower() for form in secrets.forms)


def test_payloads_of_any_shape() -> None:
    secrets = SecretValues([KEY, "1234567890123456"])
    assert secrets.masked({"a": [KEY, 1234567890123456, 7, None, True], KEY: 1.5}) == {
        "a": [MASK, MASK, 7, None, True],
        MASK: 1.5,
    }
    assert secrets.masked([10**5000]) == [10**5000]


def test_they_are_remembered_for_an_hour_and_by_charge_point() -> None:
    clock = Clock()
    known = KnownSecrets(clock)
    assert known.of("CP1") is None and known.mask_any(KEY) == KEY
    known.remember("CP1", [KEY])
    clock.now = 10
    known.remember("CP1", ["another key, also long"])
    assert known.mask("CP1", KEY) == known.mask_any(KEY) == MASK
    assert known.mask("CP2", KEY) == KEY
    clock.now = REMEMBERED_SECONDS + 1
    assert known.mask("CP1", KEY) == KEY == known.mask_any(KEY)
    assert known.mask("CP1", "another key, also long") == MASK
    clock.now += 10
    assert known.of("CP1") is None


def test_a_key_of_two_charge_points_is_masked_until_neither_has_it() -> None:
    clock = Clock()
    known = KnownSecrets(clock)
    known.remember("CP1", [KEY])
    clock.now = 10
    known.remember("CP2", [KEY])
    clock.now = REMEMBERED_SECONDS + 1
    assert known.of("CP1") is None
    assert known.mask_any(f"x {KEY}") == f"x {MASK}"


def test_memory_is_bounded() -> None:
    known = KnownSecrets()
    for number in range(MAX_VALUES + 5):
        known.remember("CP1", [f"{number:03} a secret of its own"])
    assert known.mask("CP1", "000 a secret of its own") == "000 a secret of its own"
    for number in range(MAX_CHARGE_POINTS):
        known.remember(f"other {number}", [f"{number:08x}"])
    assert known.of("CP1") is None
    assert len(known.until) == len(known._values) == MAX_CHARGE_POINTS


def test_short_values_are_left() -> None:
    known = KnownSecrets()
    known.remember("CP1", ["1234", ""])
    assert known.of("CP1") is None


def test_in_calls_only_what_can_be_nothing_else_is_masked() -> None:
    key = "CHARGEPOINT-7733"
    secrets = SecretValues([key])
    harmless = {"chargePointVendor": "ChargePoint", "meterStart": 7733, "x": [{"value": "7733"}]}
    assert secrets.masked_surely(harmless) is harmless
    # A key that is the serial, or looks like an id tag, is told all the same.
    deciding = {"chargePointSerialNumber": key, "idTag": key, "timestamp": key}
    assert secrets.masked_surely(deciding) == deciding
    told = {"model": f"x {key}", "list": [{"value": key.encode().hex()}, 2**70, None]}
    assert secrets.masked_surely(told) == {
        "model": f"x {MASK}", "list": [{"value": MASK}, 2**70, None]
    }  # fmt: skip
    quoted = SecretValues(['a "quoted" \\ key of ours'])
    assert quoted.masked_surely({"a": 'a "quoted" \\ key of ours'}) == {"a": MASK}
