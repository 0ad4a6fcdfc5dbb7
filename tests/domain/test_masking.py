"""Secrets are found by the names beside them, in JSON within texts too."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.domain.configuration import MASK
from csms.domain.masking import named_secrets, shown_text, without_named_secrets

SECRET = "hunter2-hunter2"
NAMES = (
    "pwd", "apikey", "api_key", "api-key", "Api Key", "ApiKey", "secret", "PSK", "wifi.psk",
    "authorizationKey", "Password", "accessToken", "client_secret", "privateKey",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "shape",
    [
        lambda name: {name: SECRET},
        lambda name: {"a": [{"b": {name: SECRET}}]},
        lambda name: {"key": name, "readonly": False, "value": SECRET},
        lambda name: [{"Name": name, "newValue": SECRET}],
        lambda name: {"vendorId": "V", "messageId": name, "data": SECRET},
        lambda name: {"data": json.dumps({name: SECRET})},
        lambda name: {"data": json.dumps({"x": json.dumps([{name: SECRET}])})},
        lambda name: {"data": f"{name}={SECRET};x=1"},
        lambda name: {"data": f"{name}: {SECRET}"},
        lambda name: {"data": f"<{name}>{SECRET}</{name}>"},
        lambda name: {"data": json.dumps({name: SECRET})[:-1]},
        lambda name: {name: {"deep": [SECRET]}},
        lambda name: {"data": "{" + f'"\\u00{ord(name[0]):02x}{name[1:]}":"{SECRET}"' + "}"},
    ],
)  # fmt: skip
def test_a_secret_by_its_name(name: str, shape: Any) -> None:
    payload = shape(name)
    assert SECRET not in json.dumps(without_named_secrets(payload))
    assert SECRET not in shown_text(payload, 1000)


@pytest.mark.parametrize(
    "payload",
    [
        {"connectorId": 1, "errorCode": "NoError", "status": "Available", "info": "bad password"},
        {"info": "AuthorizationKey: value too short, 16 wanted"},
        {"idTag": "TOKEN-123", "meterStart": 5, "timestamp": "2026-01-01T00:00:00Z"},
        {"data": '{"temperature": 21, "unit": "C"}'},
        {"password": None, "secret": "", "hasToken": True},
    ],
)
def test_what_is_no_secret_stays(payload: Any) -> None:
    assert without_named_secrets(payload) == payload
    assert json.loads(shown_text(payload, 1000)) == payload


def test_urls() -> None:
    url = "ftp://user:p@ss@host/x and https://host/files/TOKEN-OF-OURS/v2.bin"
    masked = without_named_secrets({"url": url})["url"]
    assert "p@ss" not in masked and "TOKEN-OF-OURS" not in masked
    assert {"p@ss", "TOKEN-OF-OURS"} <= set(named_secrets({"location": url}))


def test_what_is_handed_out_is_named() -> None:
    assert named_secrets({"key": "AuthorizationKey", "value": SECRET}) == [SECRET]
    assert named_secrets({"key": "HeartbeatInterval", "value": "300"}) == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(JSON, st.sampled_from(NAMES))
def test_anything_can_be_masked(payload: Any, name: str) -> None:
    shown = without_named_secrets({"rest": payload, name: SECRET})
    assert shown[name] == MASK
    assert SECRET not in json.dumps(without_named_secrets({"x": payload, "y": [{name: SECRET}]}))


def test_what_is_nested_deep_or_large_ends() -> None:
    deep: Any = SECRET
    for _ in range(900):
        deep = {"a": deep}
    assert "..." in json.dumps(without_named_secrets(deep))
    assert len(shown_text({"pwd": "x", "data": ["y" * 100] * 100_000}, 500)) <= 500
    for _ in range(600):
        deep = [deep]
    assert shown_text(deep, 500)
