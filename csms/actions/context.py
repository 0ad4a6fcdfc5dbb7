"""What an action works with: the repositories, and the charge point that called."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from csms.certificates.authority import CertificateAuthority
from csms.config import Settings
from csms.domain.as_sent import bounded
from csms.domain.hold import Hold
from csms.domain.limiter import Limiter
from csms.domain.masking import without_named_secrets
from csms.domain.proof import Proof
from csms.domain.protocol_trouble import kind_of
from csms.domain.running_transaction import RunningTransaction
from csms.domain.secret_values import KnownSecrets
from csms.domain.stored_bytes import StoredBytes
from csms.errors import FieldError
from csms.metrics import Metrics
from csms.ocppj.frames import Payload
from csms.repositories.alarms import Alarms
from csms.repositories.boot_notifications import BootNotifications
from csms.repositories.certificates import Certificates
from csms.repositories.charge_points import ChargePoints
from csms.repositories.charging_profiles import ChargingProfiles
from csms.repositories.commands import Commands
from csms.repositories.credentials import StoredKeys
from csms.repositories.files import Files
from csms.repositories.held_records import HeldRecords
from csms.repositories.id_tags import IdTags
from csms.repositories.jobs import Jobs
from csms.repositories.left_behind import LeftBehind
from csms.repositories.local_lists import LocalLists
from csms.repositories.rejected_connections import RejectedConnections
from csms.repositories.reservations import Reservations
from csms.repositories.stops import Stops
from csms.repositories.telemetry import Telemetry
from csms.repositories.transaction_progress import TransactionProgress
from csms.repositories.transactions import Transactions


@dataclass(frozen=True)
class Deps:
    """The parts that actions and connections share, built once by `csms/app.py`."""

    settings: Settings
    metrics: Metrics
    clock: Callable[[], datetime]
    telemetry: Telemetry
    charge_points: ChargePoints
    stored_keys: StoredKeys
    held: HeldRecords
    transactions: Transactions
    stops: Stops
    left_behind: LeftBehind
    progress: TransactionProgress
    id_tags: IdTags
    commands: Commands
    rejected_connections: RejectedConnections
    alarms: Alarms
    reservations: Reservations
    charging_profiles: ChargingProfiles
    local_lists: LocalLists
    jobs: Jobs
    files: Files
    certificates: Certificates
    boot_notifications: BootNotifications
    authority: CertificateAuthority | None
    bounds: StoredBounds
    limiter: Limiter
    """Of this process."""
    secrets: KnownSecrets = field(default_factory=KnownSecrets)

    def note_trouble(self, hold: Hold, trouble: str) -> None:
        """Count protocol trouble in the record that is held and in `/metrics`; stored behind."""
        self.metrics.protocol_trouble.labels(kind_of(trouble)).inc()
        self.held.note_trouble(hold, trouble, self.clock())


@dataclass(slots=True)
class MeterState:
    """What is remembered of a connection's meters: its transactions, and what looks wrong."""

    registers: dict[int, float] = field(default_factory=dict)
    """Last energy register of a connector, Wh."""
    transactions: set[int] = field(default_factory=set)
    """Transactions known to be this charge point's."""
    running: dict[int, RunningTransaction] | None = None
    """Those that are active, and the last of each connector that has ended on this connection, by
    id. None: not looked up yet."""
    looked_up_at: datetime | None = None
    changes_by_others: int = 0
    """`Transactions.changes_by_others` when they were looked up."""

    def on_connector(self, connector_id: int | None) -> RunningTransaction | None:
        """The newest transaction of a connector; none belongs to the charge point as a whole."""
        if not connector_id or not self.running:
            return None
        found: RunningTransaction | None = None
        for running in self.running.values():
            if running.connector_id == connector_id and (
                found is None or running.began_at >= found.began_at
            ):
                found = running
        return found

    def covering(self, connector_id: int, time: datetime) -> RunningTransaction | None:
        """The one of a connector in which something was metered at a time, if it is remembered."""
        for running in (self.running or {}).values():
            if running.connector_id == connector_id and running.covers(time):
                return running
        return None


class StoredBounds(Protocol):
    """The bounds on what charge points have stored (csms.connections.bounds)."""

    visitors: StoredBytes

    def of(self, record: Mapping[str, Any]) -> StoredBytes:
        """What the charge point of a record has stored of late."""

    def note(self, stored: StoredBytes) -> None:
        """Keep what a charge point has stored in its record, for it may go to another node now."""


class Peer(Protocol):
    """The connection that a Call came on."""

    identity: str
    session_id: str
    remote_address: str
    connected_at: datetime
    """When its socket was opened, by our clock."""
    meters: MeterState
    proof: Proof
    """What the request for its socket has shown."""
    reported_serial: str | None
    """The serial of the last boot on this connection that was accepted."""
    replaced_address: str | None
    """The address of the session whose place it has taken, if that had not ended."""
    stored: StoredBytes
    """What it has stored of late; whatever is stored for it is counted there."""

    @property
    def charge_point_id(self) -> str:
        """The id of its record. Only a BootNotification may come from a peer that has none."""

    @property
    def hold(self) -> Hold:
        """Its session's hold on its record, which every write to that record needs."""

    @property
    def is_known(self) -> bool:
        """Whether it has a record; if not, its serial may still give it one."""

    @property
    def authenticated(self) -> bool:
        """Whether it has shown a password or a certificate that fits, on this very connection."""

    @property
    def previous_address(self) -> str | None:
        """Where the charge point was connected from before."""

    async def bind(self, serial: str | None) -> str | None:
        """Give a record that waits for this serial the peer's identity; why not, if that fails."""

    def accept(self) -> None:
        """Serve its Calls from now on; its connectors are asked for after the reply."""

    def turn_away(self, reason: str, reported_serial: str | None) -> None:
        """Record the rejection and close with 1008 after the reply."""

    def afterwards(self, work: Callable[[], Awaitable[None]]) -> None:
        """Run `work` once the reply is out, beside the Calls that follow; it may use `command`."""

    async def command(self, action: str, payload: Payload) -> Payload:
        """Send a command of the central system's own, and return the charge point's answer.

        It is checked and recorded as those of people are.

        Raises:
            InvalidInput: the payload breaks the schema.
            ChargePointOffline, CommandTimeout, CallErrorReceived: there was no CallResult.
        """


@dataclass(slots=True)
class Context:
    """One inbound Call's surroundings."""

    deps: Deps
    peer: Peer
    received_at: datetime
    quirks: Sequence[str] = ()
    """Tolerated deviations of this Call."""
    sent: Payload = field(default_factory=dict)
    """The payload as the charge point sent it. The handler gets this very object, or a repaired
    copy of it where the Call had quirks."""

    @property
    def charge_point_id(self) -> str:
        """The id of the calling charge point's record."""
        return self.peer.charge_point_id

    @property
    def hold(self) -> Hold:
        """The hold of the calling charge point's session on its record."""
        return self.peer.hold

    def note_trouble(self, trouble: str) -> None:
        """Count protocol trouble of the calling charge point; see `domain/protocol_trouble.py`."""
        self.deps.note_trouble(self.hold, trouble)


Handler = Callable[[Context, Payload], Awaitable[Payload]]


@dataclass(slots=True)
class Stored:
    """An answer that may be sent when `written` is done."""

    written: asyncio.Future[None]
    answer: Payload


@dataclass(frozen=True)
class Inbound:
    """An action that charge points call.

    `handle` gets a payload that passed the schema and returns the CallResult's payload. It raises
    OcppError or DatabaseUnavailable for a CallError. One that has nothing to wait for, or for a
    write only, is given as `at_once`, which costs no task; it may return None to leave a Call to
    `handle` after all.
    """

    action: str
    handle: Handler | None = None
    at_once: Callable[[Context, Payload], Payload | Stored | None] | None = None


def _same(payload: Payload) -> Payload:
    return payload


def _no_errors(payload: Payload) -> list[FieldError]:
    return []


async def _as_it_is(deps: Deps, charge_point_id: str, payload: Payload) -> Payload:
    return payload


def _no_text(answer: Payload) -> None:
    return None


def _never(payload: Payload) -> bool:
    return False


async def _nothing(deps: Deps, charge_point_id: str, payload: Payload, answer: Payload) -> None:
    return None


@dataclass(frozen=True)
class Outbound:
    """An action that people may call on a charge point.

    `prepare` fills in what may be left out, such as an id that is to be unique, before anything is
    checked; `check` finds mistakes that the schema cannot; `mask_request` and `mask_response` take
    secrets out of what is recorded, logged and shown; `after` runs when the charge point has
    answered. What `gives_credential` is sent only to a connection that has shown who it is;
    `told_serial` finds the charge point's serial in an answer. With `before_boot` it may be sent to
    a charge point that has not booted yet; one that `restarts` the charge point is done when a
    BootNotification follows.
    """

    action: str
    prepare: Callable[[Deps, str, Payload], Awaitable[Payload]] = _as_it_is
    check: Callable[[Payload], list[FieldError]] = _no_errors
    mask_request: Callable[[Payload], Payload] = _same
    mask_response: Callable[[Payload], Payload] = _same
    after: Callable[[Deps, str, Payload, Payload], Awaitable[Any]] = _nothing
    gives_credential: Callable[[Payload], bool] = _never
    told_serial: Callable[[Payload], str | None] = _no_text
    before_boot: bool = False
    restarts: bool = False

    @property
    def may_give_credential(self) -> bool:
        """Whether some payloads of this action hand a credential to the charge point."""
        return self.gives_credential is not _never

    def request_shown(self, payload: Payload) -> Payload:
        """A request as it is recorded and shown."""
        shown: Payload = without_named_secrets(self.mask_request(payload))
        return bounded(shown)

    def response_shown(self, answer: Payload) -> Payload:
        """The charge point's answer as it is recorded and shown, whatever is in it."""
        shown: Payload = without_named_secrets(self.mask_response(bounded(answer)))
        return shown
