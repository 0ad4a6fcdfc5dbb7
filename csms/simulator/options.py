"""The options of `csms simulate`."""

from __future__ import annotations

import argparse

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from csms.simulator.endpoint import Endpoint


class FleetOptions(BaseModel):
    """What to simulate. The command line's help is made from the descriptions here."""

    model_config = ConfigDict(extra="forbid")

    count: int = Field(10, ge=1, le=50_000, description="how many charge points")
    url: str = Field(
        "ws://127.0.0.1:9000",
        description="central system: its root, or its OCPP endpoint; wss:// with TLS",
    )
    admin_url: str | None = Field(
        None,
        description="root of the admin REST, where that has a port of its own; default `--url`",
    )
    whitelist_with: SecretStr | None = Field(
        None,
        description="token of the admin REST, role operator or admin: whitelist the charge points "
        "and the id tag first; without it they have to be on record already",
    )
    prefix: str = Field(
        "SIM-",
        max_length=40,
        pattern=r"^[^/\x00-\x1f\x7f]*$",
        description="what identities begin with; a five-digit number follows",
    )
    connectors: int = Field(2, ge=1, le=4, description="connectors of each charge point")
    autostart: float = Field(
        60.0,
        ge=0,
        description="mean time between sessions that drivers start at a charge point, seconds; "
        "0: only RemoteStartTransaction starts any",
    )
    id_tag: str = Field(
        "DEMO0001", min_length=1, max_length=20, description="id tag that these drivers present"
    )
    speed: float = Field(
        10.0, gt=0, le=1000, description="how much faster than in life vehicles charge"
    )
    meter_interval: int = Field(
        10, ge=0, le=86_400, description="time between meter values, seconds; 0 sends none between"
    )
    password: SecretStr | None = Field(
        None,
        description="authorization key for HTTP Basic, the same for all; "
        "with --whitelist-with it is set on the records too",
    )
    insecure: bool = Field(False, description="accept any TLS certificate; for trials")
    duration: float = Field(0.0, ge=0, description="stop after so many seconds; 0: at Ctrl-C")
    seed: int | None = Field(
        None, description="number that makes the drivers' behaviour repeatable"
    )

    @field_validator("url", "admin_url")
    @classmethod
    def _is_usable(cls, url: str | None) -> str | None:
        if url is not None:
            Endpoint(url)
        return url


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options to a command line."""
    for name, field in FleetOptions.model_fields.items():
        flag = f"--{name.replace('_', '-')}"
        text = (field.description or "").replace("%", "%%")
        if field.annotation is bool:
            parser.add_argument(flag, action="store_true", help=text)
            continue
        if field.default is not None:
            text += f" (default: {field.default})"
        parser.add_argument(flag, metavar="VALUE", help=text)


def options_of(args: argparse.Namespace) -> FleetOptions:
    """The options on a command line.

    Raises:
        pydantic.ValidationError: one breaks its rule; the error names it.
    """
    given = {name: getattr(args, name) for name in FleetOptions.model_fields}
    return FleetOptions(**{name: value for name, value in given.items() if value is not None})
