"""The unit, the container file and the compose file: shut in as far as csms can bear."""

from __future__ import annotations

import re
import shutil
import subprocess
from configparser import ConfigParser
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from csms.config import Settings

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "config"
ONCE = {"secrets", "mongodb-setup"}


class MultiDict(dict[str, Any]):
    """Keeps every value of an option that stands there more than once."""

    def __setitem__(self, name: str, value: Any) -> None:
        if isinstance(value, list) and name in self:
            self[name].extend(value)
        else:
            super().__setitem__(name, value)


@pytest.fixture
def unit() -> dict[str, list[str]]:
    """The options of the section Service."""
    parser = ConfigParser(dict_type=MultiDict, strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(CONFIG / "csms.service", encoding="utf-8")
    return {name: value.split("\n") for name, value in parser["Service"].items()}


def test_the_unit_writes_nowhere_else_and_has_no_rights(unit: dict[str, list[str]]) -> None:
    for name in (
        "DynamicUser", "NoNewPrivileges", "PrivateTmp", "PrivateUsers", "PrivateDevices",
        "ProtectHome", "ProtectClock", "ProtectControlGroups", "ProtectHostname",
        "ProtectKernelLogs", "ProtectKernelModules", "ProtectKernelTunables", "RestrictNamespaces",
        "RestrictRealtime", "RestrictSUIDSGID", "LockPersonality", "MemoryDenyWriteExecute",
    ):  # fmt: skip
        assert unit[name] == ["yes"], name
    assert unit["ProtectSystem"] == ["strict"] and unit["CapabilityBoundingSet"] == [""]
    assert unit["StateDirectory"] == ["csms"] and unit["UMask"] == ["0077"]
    assert "ReadWritePaths" not in unit
    assert int(unit["LimitNOFILE"][0]) >= 20_000


def test_secrets_of_the_unit_are_credentials(unit: dict[str, list[str]]) -> None:
    assert "EnvironmentFile" not in unit
    loaded = set(unit["LoadCredential"])
    assert {"csms_admin_token", "csms_mongodb_uri"} <= loaded
    names = {name.removeprefix("csms_") for name in loaded}
    known = {*Settings.model_fields, "metrics_token"}
    assert names <= known


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd here")
def test_systemd_rates_the_unit_below_2() -> None:
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", CONFIG / "csms.service"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    found = re.search(r"exposure level for csms\.service: ([\d.]+)", done.stdout)
    assert found is not None, done.stdout
    assert float(found[1]) < 2.0


@pytest.fixture
def compose() -> dict[str, Any]:
    return cast(dict[str, Any], yaml.safe_load((CONFIG / "compose.yaml").read_text("utf-8")))


def test_every_container_is_read_only_and_without_rights(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert not service.get("privileged"), name
        # One gives files away, which only root can; it has no network, and runs once.
        if name == "secrets":
            assert service["cap_add"] == ["CHOWN"] and service["network_mode"] == "none"
        else:
            assert "cap_add" not in service, name
            assert str(service.get("user", "10001:10001")).split(":")[0] != "0", name


def test_no_secret_is_in_the_compose_file(compose: dict[str, Any]) -> None:
    text = (CONFIG / "compose.yaml").read_text("utf-8")
    assert not re.search(r"mongodb://|PASSWORD|ADMIN_TOKEN: ", text)
    mounts = {
        name: {volume.split(":")[0]: volume for volume in service["volumes"]}
        for name, service in compose["services"].items()
    }
    # Each sees its own, and cannot change it.
    assert set(mounts["mongodb"]) == {"mongodb-data", "mongodb-secrets"}
    assert set(mounts["csms"]) == {"csms-data", "csms-secrets"}
    for name, found in mounts.items():
        for volume, mount in found.items():
            assert volume in compose["volumes"]
            if volume.endswith("-secrets") and name != "secrets":
                assert mount.endswith(":ro"), (name, mount)


def test_mongodb_asks_for_a_password_and_is_reached_by_csms_alone(
    compose: dict[str, Any],
) -> None:
    mongodb = compose["services"]["mongodb"]
    assert {"--auth", "--keyFile=/run/secrets/keyfile", "--replSet=csms"} <= set(mongodb["command"])
    assert "ports" not in mongodb and mongodb["networks"] == ["database"]
    assert compose["networks"]["database"] == {"internal": True}
    assert re.fullmatch(r"docker\.io/library/mongo:8\.0\.\d+-\w+", mongodb["image"])


def test_each_waits_for_what_it_needs(compose: dict[str, Any]) -> None:
    services = compose["services"]
    needs = {name: services[name]["depends_on"] for name in services if name != "secrets"}
    done, healthy = "service_completed_successfully", "service_healthy"
    assert needs == {
        "mongodb": {"secrets": {"condition": done}},
        "mongodb-setup": {"mongodb": {"condition": healthy}},
        "csms": {"mongodb-setup": {"condition": done}},
    }
    assert {name for name in services if services[name]["restart"] == "no"} == ONCE
    assert all("healthcheck" in services[name] for name in services if name not in ONCE)


def test_the_settings_in_the_compose_file_are_right(
    compose: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    csms = compose["services"]["csms"]
    for name, value in csms["environment"].items():
        monkeypatch.setenv(name, str(tmp_path) if name == "CSMS_SECRETS_DIR" else value)
    settings = Settings()
    published = {port.rpartition(":")[2] for port in csms["ports"]}
    assert published == {str(settings.port), str(settings.admin_port)}
    # Plain HTTP goes no further than this machine.
    assert all(port.startswith("127.0.0.1:") for port in csms["ports"])
    assert settings.trust_proxy_headers


def test_the_image_is_built_from_locks_on_a_pinned_base_for_a_user_of_its_own() -> None:
    text = (CONFIG / "Dockerfile").read_text("utf-8")
    lines = text.replace("\\\n", " ").splitlines()
    [base] = [line for line in lines if line.startswith("ARG BASE=")]
    assert re.search(r"python:3\.\d+\.\d+-slim-\w+@sha256:[0-9a-f]{64}$", base)
    assert {line.split()[1] for line in lines if line.startswith("FROM ")} == {"${BASE}"}
    assert "USER 10001:10001" in lines
    installs = [part for line in lines for part in line.split("&&") if "pip install" in part]
    assert len(installs) == 3
    for install in installs:
        assert "--require-hashes" in install or "--no-index --no-deps" in install, install


def test_only_what_is_needed_goes_into_the_image() -> None:
    text = (ROOT / ".dockerignore").read_text("utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert lines[0] == "*"
    allowed = {line[1:] for line in lines if line.startswith("!")}
    assert all((ROOT / name).exists() for name in allowed)
    copied = re.findall(r"^COPY (?!--from)(.*) \S+$", (CONFIG / "Dockerfile").read_text(), re.M)
    assert {name for line in copied for name in line.split()} == allowed
