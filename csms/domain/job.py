"""Jobs: firmware updates and uploads of diagnostics and logs, from the command to their end.

OCPP 1.6, 4.4, 4.5, 5.9 and 5.19; Security Whitepaper, 4.5, 4.6, 4.9 and 4.10.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import uuid4

from pydantic import BaseModel, Field


class JobKind(StrEnum):
    """What a job does."""

    FIRMWARE = "firmware"
    SIGNED_FIRMWARE = "signedFirmware"
    DIAGNOSTICS = "diagnostics"
    LOG = "log"


ACTIONS = {
    JobKind.FIRMWARE: "UpdateFirmware",
    JobKind.SIGNED_FIRMWARE: "SignedUpdateFirmware",
    JobKind.DIAGNOSTICS: "GetDiagnostics",
    JobKind.LOG: "GetLog",
}
"""The commands that jobs begin with."""

REQUESTED = "Requested"
IDLE = "Idle"
"""What a charge point tells when it is asked and nothing is going on."""

ENDED = frozenset(
    {
        "Installed",
        "InstallationFailed",
        "DownloadFailed",
        "InstallVerificationFailed",
        "InvalidSignature",
        "InvalidCertificate",
        "RevokedCertificate",
        "Uploaded",
        "UploadFailed",
        "UploadFailure",
        "BadMessage",
        "NotSupportedOperation",
        "PermissionDenied",
        "Rejected",
        "NothingToUpload",
    }
)
"""Statuses after which a job counts as over."""

FINAL = ENDED - {"DownloadFailed", "UploadFailed", "UploadFailure"}
"""Statuses after which nothing more counts. What failed may be tried again by the charge point."""

# Greedy: a password may have an @ in it.
_CREDENTIALS = re.compile(r"(?<=://)[^/]*@")
# `/admin/files/{id}` holds an id, which is no secret. A URL that was copied badly still has its
# token: after doubled slashes, in capitals.
_TOKEN = re.compile(r"(?P<before>(?<!/admin)/files/++)(?P<token>[^/?#\s]+)", re.IGNORECASE)
MASK = "********"


def mask_location(location: str) -> str:
    """A URL without the password in it, and without the token of a one-time URL of ours."""
    return _TOKEN.sub(rf"\g<before>{MASK}", _CREDENTIALS.sub(f"{MASK}@", location))


def secrets_of_location(location: str) -> list[str]:
    """What `mask_location` takes out: passwords, and tokens of ours."""
    found = [credentials[0][:-1] for credentials in _CREDENTIALS.finditer(location)]
    passwords = [password for one in found if (password := one.partition(":")[2])]
    return found + passwords + [token["token"] for token in _TOKEN.finditer(location)]


def token_of(location: str) -> str | None:
    """The token in a URL, if it looks like a one-time URL of ours."""
    found = _TOKEN.search(location)
    return found["token"] if found else None


class JobStep(BaseModel):
    """A status, and when it was told."""

    status: str
    at: datetime


class JobView(BaseModel):
    """A job as REST shows it."""

    id: str
    chargePointId: str
    kind: JobKind
    requestId: int | None = Field(None, description="of jobs that have one: log, signedFirmware")
    location: str
    fileName: str | None = Field(None, description="as the charge point names what it uploads")
    fileId: str | None = Field(None, description="what came of it, if it was uploaded here")
    status: str
    ended: bool
    history: list[JobStep]
    createdAt: datetime
    updatedAt: datetime


def new_job(
    charge_point_id: str,
    kind: JobKind,
    location: str,
    status: str,
    now: datetime,
    *,
    request_id: int | None = None,
    file_name: str | None = None,
) -> dict[str, Any]:
    """The record of a job that a charge point was just told to do."""
    return {
        "_id": uuid4().hex,
        "chargePointId": charge_point_id,
        "kind": kind,
        "requestId": request_id,
        "location": mask_location(location),
        "fileName": file_name,
        "fileId": None,
        "status": status,
        "ended": status in ENDED,
        "history": [{"status": status, "at": now}],
        "createdAt": now,
        "updatedAt": now,
    }


def view(record: Mapping[str, Any]) -> JobView:
    """A record as REST shows it."""
    return JobView.model_validate({"id": record["_id"], **record})
