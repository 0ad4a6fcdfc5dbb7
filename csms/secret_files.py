"""Settings that are secrets, from files: systemd's credentials, Docker's secrets, a directory.

A file is named `csms_NAME` after the setting. Unlike the environment, a file is shown by no
process list and inherited by no child process.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from csms.errors import ConfigFileError

CREDENTIALS = "CREDENTIALS_DIRECTORY"
"""Where systemd says that it has put what LoadCredential= names."""

PREFIX = "csms_"
MAX_BYTES = 65536


def secret_names(settings: type[BaseSettings]) -> frozenset[str]:
    """The settings that are secrets."""
    fields = settings.model_fields.items()
    return frozenset(name for name, field in fields if _is_secret(field))


def _is_secret(field: FieldInfo) -> bool:
    return field.annotation in (SecretStr, SecretStr | None)


class SecretFiles(PydanticBaseSettingsSource):
    """Reads the secrets in a directory, and in systemd's; the former come first.

    Raises:
        ConfigFileError: a file or the directory cannot be read, or a name is that of no secret.
    """

    def __init__(self, settings_cls: type[BaseSettings], directory: Path | None) -> None:
        super().__init__(settings_cls)
        systemd = os.environ.get(CREDENTIALS)
        self._directories = [
            *([Path(systemd)] if systemd else []),
            *([directory] if directory is not None else []),
        ]

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Required by the base; `__call__` gives all values at once."""
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        """The settings that there are files for."""
        known = secret_names(self.settings_cls)
        found: dict[str, Any] = {}
        for directory in self._directories:
            for path in _files(directory):
                name = path.name.removeprefix(PREFIX)
                if name not in known:
                    raise ConfigFileError(
                        f"{path}: {name} is no setting that is a secret; those are"
                        f" {', '.join(sorted(known))}"
                    )
                found[name] = _read(path)
        return found


def _files(directory: Path) -> list[Path]:
    try:
        return sorted(path for path in directory.iterdir() if path.name.startswith(PREFIX))
    except OSError as error:
        raise ConfigFileError(
            f"secrets_dir {directory}: {error.strerror or error}; name a directory that csms may"
            " read"
        ) from None


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        text = content.decode().strip()
    except OSError as error:
        raise ConfigFileError(
            f"secret {path}: {error.strerror or error}; csms must be allowed to read it"
        ) from None
    except UnicodeDecodeError:
        text = ""
    # What is in it is never named: it is meant to be a secret.
    if not text or "\n" in text or len(content) > MAX_BYTES:
        raise ConfigFileError(f"secret {path}: write the value into it, one line of text")
    return text
