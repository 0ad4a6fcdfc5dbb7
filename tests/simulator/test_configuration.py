"""The configuration keys."""

from __future__ import annotations

import pytest

from csms.simulator.configuration import MAX_KEYS, Configuration
from csms.simulator.hardware import hardware_of


@pytest.fixture
def configuration() -> Configuration:
    return Configuration(hardware_of("SIM-", 2, 2))


def test_asked_for_nothing_it_tells_everything_but_secrets(configuration: Configuration) -> None:
    configuration.put("AuthorizationKey", "0123456789abcdef")
    answer = configuration.answer([])
    entries = {entry["key"]: entry for entry in answer["configurationKey"]}
    assert len(entries) == len(answer["configurationKey"])
    assert entries["NumberOfConnectors"] == {
        "key": "NumberOfConnectors",
        "readonly": True,
        "value": "2",
    }
    assert entries["Connector1-Type"]["value"] == "CCS Combo 2 (Type 2)"
    assert entries["Connector2-Type"]["value"] == "CHAdeMO"
    assert entries["GetConfigurationMaxKeys"]["value"] == str(MAX_KEYS)
    assert entries["HeartbeatInterval"]["readonly"] is False
    assert entries["AuthorizationKey"] == {"key": "AuthorizationKey", "readonly": False}
    assert "0123456789abcdef" not in str(answer)
    assert "unknownKey" not in answer


def test_a_filter_names_known_and_unknown_keys(configuration: Configuration) -> None:
    assert configuration.answer(["heartbeatINTERVAL", "Connector3-Type", "Nonsense"]) == {
        "configurationKey": [{"key": "HeartbeatInterval", "readonly": False, "value": "300"}],
        "unknownKey": ["Connector3-Type", "Nonsense"],
    }


@pytest.mark.parametrize(
    ("key", "value", "status"),
    [
        ("HeartbeatInterval", "60", "Accepted"),
        ("heartbeatinterval", "60", "Accepted"),
        ("HeartbeatInterval", "-1", "Rejected"),
        ("HeartbeatInterval", "1.5", "Rejected"),
        ("HeartbeatInterval", "soon", "Rejected"),
        ("HeartbeatInterval", "", "Rejected"),
        ("HeartbeatInterval", "9" * 100, "Rejected"),
        ("AuthorizeRemoteTxRequests", "false", "Accepted"),
        ("AuthorizeRemoteTxRequests", "no", "Rejected"),
        ("MeterValuesSampledData", "SoC, Voltage", "Accepted"),
        ("MeterValuesSampledData", "SoC,Temperature", "Rejected"),
        ("TransactionMessageAttempts", "0", "Rejected"),
        ("AuthorizationKey", "x" * 15, "Rejected"),
        ("AuthorizationKey", "x" * 16, "Accepted"),
        ("NumberOfConnectors", "3", "Rejected"),
        ("Connector1-Type", "Type 1", "Rejected"),
        ("Nonsense", "1", "NotSupported"),
    ],
)
def test_a_change_is_judged_by_key_and_value(
    configuration: Configuration, key: str, value: str, status: str
) -> None:
    before = configuration.answer([])
    assert configuration.change(key, value) == status
    if status == "Accepted":
        assert configuration.text(key) == value
    else:
        assert configuration.answer([]) == before


def test_charge_points_do_not_share_their_changes(configuration: Configuration) -> None:
    configuration.change("HeartbeatInterval", "60")
    configuration.change("AuthorizeRemoteTxRequests", "FALSE")
    other = Configuration(hardware_of("SIM-", 3, 2))
    assert (configuration.number("HeartbeatInterval"), other.number("HeartbeatInterval")) == (
        60,
        300,
    )
    assert configuration.flag("AuthorizeRemoteTxRequests") is False
    assert other.flag("AuthorizeRemoteTxRequests") is True
