"""What the tests of actions share: commands through REST, and documents read back."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from csms.actions.context import Context, Inbound, MeterState, Peer, Stored
from csms.domain.job import JobKind, new_job
from csms.domain.stored_bytes import StoredBytes
from tests.support.charge_point import ScriptedChargePoint
from tests.support.stored import unbounded
from tests.support.system import System

Payload = dict[str, Any]


@dataclass
class ConnectedCP1:
    """A charge point as actions see it, for payloads that were repaired on their way to them."""

    connected_at: datetime
    identity: str = "CP1"
    charge_point_id: str = "CP1"
    meters: MeterState = field(default_factory=MeterState)
    stored: StoredBytes = field(default_factory=unbounded)


class Repaired:
    """Hands payloads to handlers as if they had been repaired, for one charge point."""

    def __init__(self, system: System) -> None:
        self.deps = system.central_system.services.deps
        self.peer = ConnectedCP1(self.deps.clock())

    async def call(
        self, inbound: Inbound, payload: Payload, sent: Payload | None = None
    ) -> Payload:
        """Serve a Call; `sent` is the payload before it was repaired."""
        assert inbound.handle is not None
        peer = cast(Peer, self.peer)
        context = Context(self.deps, peer, self.deps.clock(), ["x"], sent or payload)
        if inbound.at_once is not None:
            answer = inbound.at_once(context, payload)
            if isinstance(answer, Stored):
                await answer.written
                return answer.answer
            if answer is not None:
                return answer
        return await inbound.handle(context, payload)


async def command(
    system: System,
    charge_point: ScriptedChargePoint,
    action: str,
    payload: Payload,
    answer: Payload,
) -> Payload:
    """Send a command that is answered so; returns what the charge point got."""
    asked = asyncio.ensure_future(refused_or_done(system, action, payload))
    unique_id, received = await charge_point.expect(action)
    charge_point.reply(unique_id, answer)
    status, outcome = await asked
    assert (status, outcome["status"]) == (200, "Answered"), outcome
    assert outcome["response"] == answer
    return received


async def refused_or_done(system: System, action: str, payload: Any) -> tuple[int, Any]:
    """Ask for a command; returns the status and the body that REST answers."""
    body = {"action": action, "payload": payload}
    return await system.rest("POST", "/admin/charge-points/CP1/commands", body)


async def mistakes(system: System, action: str, payload: Any) -> list[str]:
    """The fields that a command is refused for; it must not have been sent."""
    status, problem = await refused_or_done(system, action, payload)
    assert status == 422, problem
    assert await system.database.commands.count_documents({"status": {"$ne": "Offline"}}) == 0
    return [error["field"] for error in problem["errors"]]


async def documents(system: System, collection: str) -> list[Payload]:
    """Everything in a collection, oldest first."""
    return await system.database[collection].find().sort("$natural", 1).to_list(None)


async def jobs(system: System, query: str = "") -> list[Payload]:
    """The jobs that REST shows, newest first."""
    status, page = await system.rest("GET", f"/admin/jobs?{query}")
    assert status == 200, page
    return list(page["items"])


async def job_for(system: System, kind: str, request_id: int | None = None) -> str:
    """Put a job on record as if it had been asked for; returns its id."""
    deps = system.central_system.services.deps
    job = new_job(
        "CP1", JobKind(kind), "ftp://x/", "Requested", deps.clock(), request_id=request_id
    )
    await deps.jobs.create(job)
    return str(job["_id"])


IMPOSSIBLE_VERSION = bytes((2, 1, 9))
"""An INTEGER in DER: no certificate or request has version 10."""


def with_impossible_version(pem: str) -> str:
    """A certificate or a request whose version is one that X.509 does not have."""
    label = pem.split("-----")[1].removeprefix("BEGIN ")
    der = ssl.PEM_cert_to_DER_cert(pem.replace(label, "CERTIFICATE"))
    # The version is the first INTEGER: 2 in a certificate, 0 in a request.
    version = bytes((2, 1, 2 if label == "CERTIFICATE" else 0))
    assert version in der[:20]
    made = ssl.DER_cert_to_PEM_cert(der.replace(version, IMPOSSIBLE_VERSION, 1))
    return made.replace("CERTIFICATE", label)


def csr(name: str) -> str:
    """A certificate signing request for a common name, as PEM."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    request = builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    return request.public_bytes(Encoding.PEM).decode()
