"""Settings: command line > `CSMS_*` environment > secret files > config file > defaults."""

from __future__ import annotations

import socket
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, SecretStr, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from csms.errors import ConfigFileError
from csms.listeners import clash_of
from csms.secret_files import SecretFiles
from csms.token_rules import check_token
from csms.trusted_proxies import Network, read_proxies

Seconds = Annotated[float, Field(ge=0)]
Megabytes = Annotated[int, Field(ge=1)]


class Settings(BaseSettings):
    """Everything that can be set. The README's table is made from the descriptions here."""

    model_config = SettingsConfigDict(env_prefix="CSMS_", extra="forbid", validate_default=True)

    config: Path | None = Field(None, description="TOML file with any of these settings")
    secrets_dir: Path | None = Field(
        None,
        description="directory with files `csms_NAME`, one for each setting that is a secret;"
        " credentials of systemd are found without it",
    )
    data_dir: Path = Field(
        Path("csms-data"), description="where the embedded MongoDB and the first token are kept"
    )

    host: str = Field("0.0.0.0", description="address to listen on")
    port: int = Field(
        9000,
        ge=0,
        le=65535,
        description="port of the admin REST and the OCPP endpoint; 0 takes a free one",
    )
    tls_cert: Path | None = Field(
        None, description="PEM certificate chain; with it, https and wss are served"
    )
    tls_key: Path | None = Field(None, description="PEM private key of `tls_cert`")
    tls_port: int | None = Field(
        None,
        ge=0,
        le=65535,
        description="port for https and wss; then `port` stays without TLS",
    )
    admin_port: int | None = Field(
        None,
        ge=0,
        le=65535,
        description="port for the admin pages and REST alone; then `port` and `tls_port` serve"
        " charge points alone",
    )
    admin_host: str | None = Field(
        None, description="address that `admin_port` listens on; default `host`"
    )
    admin_tls: bool = Field(
        True,
        description="https on `admin_port` where there is a certificate; false behind a proxy",
    )
    admin_tls_cert: Path | None = Field(
        None, description="PEM certificate chain for `admin_port`; default `tls_cert`"
    )
    admin_tls_key: Path | None = Field(None, description="PEM private key of `admin_tls_cert`")
    tls_client_ca: Path | None = Field(
        None,
        description="PEM roots of charge points' certificates, beside the local authority's",
    )
    certificate_days: int = Field(
        365, ge=1, le=36_500, description="how long a charge point's certificate is good, days"
    )
    max_certificate_requests: int = Field(
        20,
        ge=1,
        le=10_000,
        description="SignCertificate of one charge point within a day; more are rejected",
    )
    public_url: str | None = Field(
        None,
        pattern=r"^https?://[^/\s]+(/[^\s?#]*)?$",
        description="how charge points reach this server for files; default as REST was asked,"
        " with `admin_port` at the port of charge points",
    )
    max_file_mb: Megabytes = Field(500, description="largest firmware file, MB")
    max_upload_mb: Megabytes = Field(
        100, description="largest file that a charge point may upload, MB"
    )
    file_link_hours: float = Field(
        24.0, gt=0, le=8760, description="how long a one-time URL of a file is good, hours"
    )
    trust_proxy_headers: Annotated[tuple[Network, ...], NoDecode, BeforeValidator(read_proxies)] = (
        Field(
            (),
            description="reverse proxies whose X-Forwarded-* are believed: addresses or networks",
        )
    )
    admin_token: SecretStr | None = Field(
        None,
        description="the first admin token, 20 characters or more; without it one is made at"
        " first start",
    )
    session_hours: float = Field(
        12.0,
        gt=0,
        le=8760,
        description="hours without use after which the admin pages ask to sign in again",
    )
    session_max_days: float = Field(
        7.0,
        gt=0,
        le=3650,
        description="days after which they ask to sign in again, however much they were used",
    )
    oidc_issuer: str | None = Field(
        None,
        pattern=r"^https?://[^\s?#]+$",
        description="OpenID Connect provider whose people may sign in to the admin pages",
    )
    oidc_client_id: str | None = Field(
        None, min_length=1, description="what this csms is called at that provider"
    )
    oidc_client_secret: SecretStr | None = Field(
        None, description="its secret there; none for a public client"
    )
    oidc_scope: str = Field(
        "openid profile email",
        pattern=r"^([!#-\[\]-~]+ )*openid( [!#-\[\]-~]+)*$",
        description="scopes to ask that provider for",
    )
    oidc_role_claim: str = Field(
        "roles",
        min_length=1,
        description="claim that gives people their role, such as `groups` or `realm_access.roles`",
    )
    oidc_roles: dict[str, Literal["viewer", "operator", "admin"]] = Field(
        {"viewer": "viewer", "operator": "operator", "admin": "admin"},
        description="role for each value of that claim, as JSON object; the highest counts",
    )
    path_prefix: str = Field(
        "",
        pattern=r"^(/[A-Za-z0-9._~-]+)*$",
        description="path under which a reverse proxy shows this server, such as `/csms`",
    )
    node_id: str = Field(
        "",
        description="name of this process in the database; default host name and port",
    )
    workers: int = Field(
        1, ge=1, le=64, description="processes on the port; each is a node of its own"
    )
    reuse_port: bool = Field(
        False, description="let other processes listen on the same port, as workers do"
    )
    frozen_after: Seconds = Field(
        15.0,
        description="silence after which a worker counts as frozen and is replaced, seconds; 0:"
        " never",
    )
    metrics_port: int | None = Field(
        None,
        ge=1,
        le=65_000,
        description="port for /metrics alone; worker N has this plus N - 1",
    )
    metrics_host: str | None = Field(
        None, description="address that `metrics_port` listens on; default `host`"
    )
    metrics_token: SecretStr | None = Field(
        None,
        description="token that /metrics asks for, as `Authorization: Bearer TOKEN`; without it,"
        " anybody may read them",
    )
    drain_seconds: Seconds = Field(
        5.0, description="seconds over which many sockets are closed at shutdown"
    )
    shutdown_grace: Seconds = Field(10.0, description="seconds that running work gets at shutdown")

    mongodb_uri: SecretStr | None = Field(
        None, description="MongoDB replica set to use; without it a private mongod is started"
    )
    mongodb_database: str = Field(
        "csms", pattern=r"^[A-Za-z0-9_-]{1,63}$", description="database name"
    )
    mongod: Path | None = Field(
        None,
        description="mongod to start; else that on PATH, else the `embedded` extra",
    )
    mongod_cache_gb: float = Field(
        0.5, ge=0.25, description="WiredTiger cache of the embedded mongod, GB"
    )
    heartbeats_mb: Megabytes = Field(
        128, description="size of the capped collection `heartbeats`, MB"
    )
    meter_values_mb: Megabytes = Field(
        4096, description="size of the capped collection `meter_values`, MB"
    )
    boot_notifications_mb: Megabytes = Field(
        64, description="size of the capped collection `boot_notifications`, MB"
    )
    messages_mb: Megabytes = Field(256, description="size of the capped collection `messages`, MB")
    max_stored_share: float = Field(
        5.0,
        ge=0,
        le=100,
        description="what one charge point may add to a capped collection in an hour, % of its"
        " size; 0: any amount",
    )
    max_records_mb: int = Field(
        16,
        ge=0,
        description="what one charge point may add to the collections without a cap in an hour,"
        " MB; 0: any amount",
    )
    commit_interval_ms: float = Field(
        3.0,
        ge=0,
        le=1000,
        description="how long telemetry is gathered before it is written, milliseconds",
    )

    heartbeat_interval: int = Field(
        300, ge=1, le=86400, description="heartbeat interval told to charge points, seconds"
    )
    heartbeat_jitter: float = Field(
        10.0,
        ge=0,
        le=50,
        description="how much shorter the told interval may be, so that not all beat in step, %",
    )
    boot_retry_interval: int = Field(
        60,
        ge=1,
        le=86400,
        description="wait told to a charge point whose boot was rejected, seconds",
    )
    boot_deadline: Seconds = Field(
        60.0,
        description="how long an unknown identity has to boot with a known serial, seconds",
    )
    max_connects_per_second: int = Field(
        1000,
        ge=0,
        description="new sockets a second, half of them for identities on record; others get HTTP"
        " 503 with Retry-After; 0 sets no limit",
    )
    max_failed_attempts: int = Field(
        10,
        ge=0,
        le=1000,
        description="wrong passwords, or serials, that an address may try at an identity, or"
        " passwords at a user, in a minute; 0: any number",
    )
    confirm_serial_binding: bool = Field(
        False,
        description="ask an operator before a record that waits for a serial gets an identity",
    )
    require_credentials: bool = Field(
        False,
        description="turn away who shows no key or certificate, also where the record asks for"
        " none; a record's `requireCredentials` goes before",
    )
    reject_with: Literal["close", "http"] = Field(
        "close",
        description="who is not listed gets: close 1008 after the upgrade, or HTTP 404",
    )
    refuse_browsers: bool = Field(
        True, description="turn away a browser that asks for a charge point's WebSocket"
    )
    allow_missing_subprotocol: bool = Field(
        False, description="let in charge points that offer no WebSocket sub-protocol at all"
    )
    allow_trailing_slash: bool = Field(
        True,
        description="forgive a slash at the end of a charge point's URL, and doubled ones in it",
    )
    ignore_identity_case: bool = Field(
        False, description="take an identity in other case for the one on record"
    )
    replace_ping_timeout: Seconds = Field(
        5.0,
        description="how long a socket has to prove it is alive to keep its place, seconds",
    )
    ping_interval: Seconds = Field(
        25.0,
        description="silence after which a charge point is pinged (WebSocket), seconds; 0: never",
    )
    max_message_bytes: int = Field(
        1_048_576, ge=4096, description="largest OCPP message read, bytes"
    )
    max_unsent_bytes: int = Field(
        1_048_576,
        ge=65536,
        description="unsent bytes after which a charge point that does not read is dropped",
    )
    inbound_queue: int = Field(
        64,
        ge=1,
        description="Calls of one charge point that may wait before its socket is read no further",
    )
    max_waiting_mb: Megabytes = Field(
        16,
        description="messages of all charge points that may wait to be served, MB; large ones"
        " are read no further then",
    )
    call_timeout: Seconds = Field(
        30.0, description="how long a charge point has to answer a Call, seconds"
    )
    connector_sync: bool = Field(
        True, description="ask every charge point for its connectors after an accepted boot"
    )
    connector_sync_delay: Seconds = Field(
        0.5, description="wait between the accepted boot and that question, seconds"
    )
    unknown_id_tags: Literal["Invalid", "Accepted"] = Field(
        "Invalid", description="authorization status of an id tag that is not on record"
    )
    stale_transaction_hours: float = Field(
        12.0,
        ge=0,
        le=8760,
        description="hours without a reading after which a transaction that its charge point has"
        " left behind is closed; 0 never closes one",
    )
    message_log: bool = Field(True, description="keep the OCPP messages in `messages`")
    message_log_skip: tuple[str, ...] = Field(
        ("Heartbeat", "MeterValues"),
        description="actions that `messages` leaves out, as JSON list",
    )

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="least level logged"
    )
    log_format: Literal["auto", "json", "console"] = Field(
        "auto", description="auto: readable on a terminal, else one JSON object a line"
    )

    @field_validator("admin_token", "metrics_token")
    @classmethod
    def _long_enough(cls, token: SecretStr | None) -> SecretStr | None:
        if token is not None:
            check_token(token.get_secret_value())
        return token

    @model_validator(mode="after")
    def _complete(self) -> Settings:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("tls_cert and tls_key go together: set both, or neither")
        if self.tls_port is not None and self.tls_cert is None:
            raise ValueError("tls_port needs tls_cert and tls_key")
        if (self.oidc_issuer is None) != (self.oidc_client_id is None):
            raise ValueError("oidc_issuer and oidc_client_id go together: set both, or neither")
        if self.workers > 1 and 0 in (self.port, self.tls_port, self.admin_port):
            raise ValueError("workers need a port that they can share: set port, and not to 0")
        self._check_admin()
        clash = clash_of(self)
        if clash is not None:
            one, other = (listener.port_setting for listener in clash)
            raise ValueError(f"{one} and {other} are the same address: give one another port")
        if not self.node_id:
            self.node_id = f"{socket.gethostname()}:{self.port}"
        return self

    def _check_admin(self) -> None:
        if (self.admin_tls_cert is None) != (self.admin_tls_key is None):
            raise ValueError("admin_tls_cert and admin_tls_key go together: set both, or neither")
        for name in ("admin_host", "admin_tls_cert"):
            if getattr(self, name) is not None and self.admin_port is None:
                raise ValueError(f"{name} is for admin_port alone: set admin_port too")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        path = init_settings().get("config") or env_settings().get("config")
        file = _read_file(settings_cls, Path(path)) if path else None
        named = [source().get("secrets_dir") for source in (init_settings, env_settings)]
        named += [file().get("secrets_dir") if file else None]
        directory = next((Path(name) for name in named if name), None)
        secrets = SecretFiles(settings_cls, directory)
        return (init_settings, env_settings, secrets, *([file] if file else []))


def _read_file(settings_cls: type[BaseSettings], path: Path) -> TomlConfigSettingsSource:
    try:
        # The source itself takes a file that is not there for an empty one.
        path.open("rb").close()
        return TomlConfigSettingsSource(settings_cls, path)
    except OSError as error:
        raise ConfigFileError(
            f"config file {path}: {error.strerror or error}; give --config a TOML file that exists"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigFileError(
            f"config file {path} is no TOML: {error}; write lines such as port = 9000"
        ) from None


def load_settings(**overrides: Any) -> Settings:
    """Settings from the environment and the config file, `overrides` first.

    Raises:
        pydantic.ValidationError: a value breaks its rule; the error names the setting.
        ConfigFileError: the config file cannot be read; the error names the file and the line.
    """
    return Settings(**{name: value for name, value in overrides.items() if value is not None})
