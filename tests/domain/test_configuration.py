"""Configuration keys: which are secret, and what an answer says."""

from __future__ import annotations

import pytest

from csms.domain.configuration import configuration_values, is_secret


@pytest.mark.parametrize(
    "key", ["AuthorizationKey", "authorization_key", "WifiPassword", "APN-Passwd", "clientSecret"]
)
def test_secrets(key: str) -> None:
    assert is_secret(key)


@pytest.mark.parametrize(
    "key", ["HeartbeatInterval", "AuthorizationCacheEnabled", "Connector1-Type"]
)
def test_no_secrets(key: str) -> None:
    assert not is_secret(key)


def test_values_by_folded_key() -> None:
    answer = {
        "configurationKey": [
            {"key": "NumberOfConnectors", "readonly": True, "value": " 2 "},
            {"key": "Empty", "readonly": True, "value": ""},
            {"key": "Missing", "readonly": True},
            {"key": "SupportedFeatureProfiles\0", "readonly": True, "value": "Core\0\0"},
            "nonsense",
        ]
    }
    assert configuration_values(answer) == {
        "numberofconnectors": "2",
        "supportedfeatureprofiles": "Core",
    }
    assert configuration_values({"configurationKey": "nonsense"}) == {}
    assert configuration_values({}) == {}
