"""The composition root: builds everything once, starts it, stops it."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from socket import socket

import structlog
from tornado.netutil import bind_sockets

from csms import db, logs
from csms.actions.context import Deps
from csms.actions.routing import find_inbound, find_outbound
from csms.certificates.authority import LocalAuthority
from csms.config import Settings
from csms.connections.admission import Admission, Reason
from csms.connections.bounds import Bounds
from csms.connections.bus import Bus
from csms.connections.commands import CommandRouter
from csms.connections.holding import Holding
from csms.connections.key_mover import KeyMover
from csms.connections.lease import Lease
from csms.connections.message_log import MessageLog
from csms.connections.node_clock import NodeClock
from csms.connections.registry import Registry
from csms.connections.revocation import Revocation
from csms.connections.revocation_list import RevocationList
from csms.connections.sockets import Sockets
from csms.connections.standstill import Standstills
from csms.connections.sweeper import Sweeper
from csms.connections.watch import Watch
from csms.connections.whitelisting import Whitelisting
from csms.domain.alarm import Alarm, AlarmKind
from csms.domain.authorization_key import KeyVerifier
from csms.domain.limiter import Limiter
from csms.domain.secret_values import KnownSecrets
from csms.listeners import Listener, Serves, listeners_of
from csms.metrics import Metrics
from csms.passwords import PasswordPool
from csms.repositories import folded_keys, names, search
from csms.repositories.alarm_records import AlarmRecords
from csms.repositories.alarms import Alarms
from csms.repositories.api_tokens import ApiTokens
from csms.repositories.audit import Audit
from csms.repositories.boot_notifications import BootNotifications
from csms.repositories.certificates import Certificates
from csms.repositories.changes import Changes
from csms.repositories.charge_points import ChargePoints
from csms.repositories.charging_profiles import ChargingProfiles
from csms.repositories.commands import Commands
from csms.repositories.credentials import StoredKeys
from csms.repositories.files import Files
from csms.repositories.held_records import HeldRecords
from csms.repositories.id_tags import IdTags
from csms.repositories.jobs import Jobs
from csms.repositories.left_behind import LeftBehind
from csms.repositories.limits import SharedLimiter
from csms.repositories.local_lists import LocalLists
from csms.repositories.node_calls import NodeCalls
from csms.repositories.nodes import Nodes
from csms.repositories.overview import Overview
from csms.repositories.provided_users import ProvidedUsers
from csms.repositories.rejected_connections import RejectedConnections
from csms.repositories.reservations import Reservations
from csms.repositories.schema import Schema
from csms.repositories.sessions import Sessions
from csms.repositories.stops import Stops
from csms.repositories.telemetry import Telemetry
from csms.repositories.transaction_progress import TransactionProgress
from csms.repositories.transactions import Transactions
from csms.repositories.users import Users
from csms.tls import admin_tls_context, authority_folder, tls_context
from csms.trusted_proxies import LOCAL_NETWORKS
from csms.web.applications import Applications
from csms.web.guard import Guard
from csms.web.live import Live
from csms.web.oidc import Provider
from csms.web.open_alarms import OpenAlarms
from csms.web.server import Server
from csms.web.services import Services
from csms.web.sign_in_record import SignInRecord
from csms.web.sign_on_guard import SignOnGuard
from csms.web.token_guard import TokenGuard

log = structlog.get_logger(__name__)

HEADER_SECONDS = 10.0
"""How long a request's header may take, and a connection may idle between requests."""

MAX_FORM_BYTES = 65_536
"""Of a body that is gathered before anybody has been asked who sends it, as forms of pages are."""

BACKLOG = 1024
"""Connections that may wait to be taken, when a whole fleet comes at once."""


def now() -> datetime:
    """The time, UTC, in the milliseconds that MongoDB keeps."""
    return datetime.fromtimestamp(time.time_ns() // 1_000_000 / 1000, UTC)


class CentralSystem:
    """One node: the database behind, REST and OCPP in front."""

    def __init__(
        self, settings: Settings, mongodb_uri: str, clock: Callable[[], datetime] = now
    ) -> None:
        self.settings = settings
        self._client = db.connect(settings, mongodb_uri)
        self.database: db.Database = self._client[settings.mongodb_database]
        self.metrics = Metrics()
        self._telemetry_client = db.connect_telemetry(mongodb_uri)
        self.telemetry = Telemetry(
            self._telemetry_client[settings.mongodb_database],
            self.metrics,
            settings.commit_interval_ms / 1000,
        )
        self.charge_points = ChargePoints(self.database, self.telemetry)
        self.held = HeldRecords(self.database, self.telemetry)
        secrets = KnownSecrets()
        self.rejected_connections = RejectedConnections(self.telemetry, secrets.mask_surely)
        self.alarms = Alarms(self.telemetry, self.metrics, clock)
        self.stored_keys = StoredKeys(self.database)
        self.bounds = Bounds(settings, self.charge_points, self.held, self.alarms, clock)
        transactions = Transactions(self.database)
        self.progress = TransactionProgress(self.telemetry, clock)
        authority = LocalAuthority.load(authority_folder(settings))
        deps = Deps(
            settings=settings,
            metrics=self.metrics,
            clock=clock,
            telemetry=self.telemetry,
            charge_points=self.charge_points,
            stored_keys=self.stored_keys,
            held=self.held,
            transactions=transactions,
            stops=Stops(transactions),
            left_behind=LeftBehind(transactions),
            progress=self.progress,
            id_tags=IdTags(self.database),
            commands=Commands(self.database),
            rejected_connections=self.rejected_connections,
            alarms=self.alarms,
            reservations=Reservations(self.database),
            charging_profiles=ChargingProfiles(self.database),
            local_lists=LocalLists(self.database),
            jobs=Jobs(self.database),
            files=Files(self.database),
            certificates=Certificates(self.database, authority.name if authority else None),
            boot_notifications=BootNotifications(self.database),
            authority=authority,
            bounds=self.bounds,
            limiter=Limiter(),
            secrets=secrets,
        )
        logs.mask_with(secrets.mask_any)
        outbound = find_outbound()
        registry = Registry()
        messages = MessageLog(settings, self.telemetry, outbound, deps.secrets, clock, self.metrics)
        nodes = Nodes(self.database)
        changes = Changes(self.database, settings.node_id)
        holding = Holding(deps, registry)
        self.standstills = Standstills()
        self.bus = Bus(deps, registry, holding, nodes, changes, NodeCalls(self.database))
        self.passwords = PasswordPool.for_charge_points()
        self.admission = Admission(
            deps, registry, KeyVerifier(), self.bus, self.standstills, self.passwords
        )
        alarm_records = AlarmRecords(self.database)
        commands = CommandRouter(deps, registry, outbound, self.bus)
        self.sockets = Sockets(
            deps,
            registry,
            self.admission,
            find_inbound(),
            messages,
            commands.ask,
            holding,
            self.standstills,
        )
        self.watch = Watch(deps, registry)
        self.key_mover = KeyMover(self.stored_keys, settings.node_id, clock)
        self.revocation_list = RevocationList(deps, authority, authority_folder(settings))
        revocation = Revocation(deps, holding, self.revocation_list.look)
        self.sweeper = Sweeper(deps.left_behind, settings.stale_transaction_hours, clock)
        node_clock = NodeClock(nodes, self.alarms, settings.node_id, clock)
        self.lease = Lease(
            nodes,
            self.held,
            deps.commands,
            self.bus,
            holding,
            node_clock,
            settings.node_id,
            clock,
        )
        api_tokens, users = ApiTokens(self.database, clock), Users(self.database, clock)
        sessions = Sessions(
            self.database,
            clock,
            timedelta(hours=settings.session_hours),
            timedelta(days=settings.session_max_days),
        )
        self.limits, self.audit = SharedLimiter(self.database), Audit(self.database)
        record, most = SignInRecord(deps, self.audit), settings.max_failed_attempts
        self.services = Services(
            deps=deps,
            database=self.database,
            accepting=lambda: self.sockets.accepting,
            is_at_limit=lambda: any(server.is_at_limit for server in self._servers),
            api_tokens=api_tokens,
            users=users,
            sessions=sessions,
            guard=Guard(most, self.limits, users, api_tokens, sessions, record),
            token_guard=TokenGuard(most, self.limits, api_tokens, record),
            live=Live(self.database),
            overview=Overview(self.database),
            alarm_records=alarm_records,
            open_alarms=OpenAlarms(alarm_records, self.metrics),
            audit=self.audit,
            provider=Provider(settings) if settings.oidc_issuer else None,
            sign_on_guard=SignOnGuard(
                most, self.limits, ProvidedUsers(self.database, clock), sessions, record
            ),
            whitelisting=Whitelisting(deps, holding, revocation),
            revocation=revocation,
            revocation_list=self.revocation_list,
            commands=commands,
            ports={},
        )
        self._applications = Applications(
            self.services, self.admission, self.sockets, self._is_ours
        )
        self._servers: list[Server] = []
        self.ports = self.services.ports

    @property
    def port(self) -> int:
        """The port of charge points, and of everything that has none of its own."""
        return self.ports["port"]

    @property
    def tls_port(self) -> int | None:
        """The port for https and wss beside it, if there is one."""
        return self.ports.get("tls_port")

    async def start(self) -> str | None:
        """Prepare the database and listen; returns the first admin token if one was just made.

        Raises:
            DatabaseUnavailable: MongoDB does not answer.
            SchemaTooNew: a csms that is far newer has migrated the database.
            OSError: the address cannot be listened on, or a TLS file cannot be read.
        """
        if self.settings.trust_proxy_headers == LOCAL_NETWORKS:
            log.warning(
                "proxies_not_listed",
                message="trust_proxy_headers = true trusts every loopback and private address;"
                ' list the proxies instead, as in ["127.0.0.1"]',
            )
        contexts = {True: admin_tls_context(self.settings), False: tls_context(self.settings)}
        bound = [(listener, self._bind(listener)) for listener in listeners_of(self.settings)]
        for listener, sockets in bound:
            self.ports[listener.port_setting] = sockets[0].getsockname()[1]
        await self._prepare_database()
        configured = self.settings.admin_token
        first_token = await self.services.api_tokens.ensure_first(
            configured.get_secret_value() if configured else None
        )
        await self.lease.start()
        self.standstills.start()
        self.watch.start()
        self.sweeper.start()
        self.bounds.start()
        await self.key_mover.start()
        self.revocation_list.start()
        for listener, sockets in bound:
            tls = contexts[listener.serves is Serves.ADMIN] if listener.tls else None
            self._listen(listener, sockets, tls)
        return first_token

    async def _prepare_database(self) -> None:
        """Collections and indexes first, then migrations, then what older nodes have left out."""
        schema = Schema(self.database, self.settings.node_id)
        await schema.check()
        async with db.errors():
            await db.prepare(self.database, self.settings)
        await schema.migrate()
        collection = self.charge_points.collection
        left_out = await folded_keys.refresh(collection) + await names.refresh(collection)
        if left_out:
            for collision in await folded_keys.collisions(collection):
                log.warning(
                    "records_collide",
                    fields=[collision.field, collision.other_field],
                    records=[collision.one, collision.other],
                    message="they are the same without case and normal form; change or delete one",
                )
        await search.refresh(collection, {})

    def _listen(
        self, listener: Listener, sockets: list[socket], tls: ssl.SSLContext | None
    ) -> None:
        server = Server(
            self._applications.serving(listener.serves),
            ssl_options=tls,
            idle_connection_timeout=HEADER_SECONDS,
            max_body_size=MAX_FORM_BYTES,
        )
        server.on_too_many = partial(self.admission.note_refusal, Reason.TOO_MANY_CONNECTIONS)
        server.on_limit = self._note_open_files
        server.on_limit_over = partial(
            self.alarms.close, AlarmKind.OPEN_FILES, self.settings.node_id
        )
        server.on_failed_handshake = self.admission.note_failed_handshake
        server.add_sockets(sockets)
        self._servers.append(server)
        port = sockets[0].getsockname()[1]
        log.info(
            "listening",
            serves=str(listener.serves),
            host=listener.host,
            port=port,
            tls=tls is not None,
        )

    def _note_open_files(self, limit: int) -> None:
        facts = (("limit of open files", str(limit)),)
        self.alarms.note(Alarm(AlarmKind.OPEN_FILES, self.settings.node_id, None, facts))

    def _is_ours(self, certificate: bytes) -> bool:
        authority = self.services.deps.authority
        return authority is not None and authority.has_issued(certificate)

    def _bind(self, listener: Listener) -> list[socket]:
        host, port = listener.host, listener.port
        try:
            return bind_sockets(port, host, backlog=BACKLOG, reuse_port=self.settings.reuse_port)
        except OSError as error:
            raise OSError(
                f"cannot listen on {host}:{port}: {error.strerror}; set {listener.host_setting} and"
                f" {listener.port_setting} to what is free"
            ) from error

    async def stop(self) -> None:
        """Stop listening, close the sockets, write what waits, give the lease up."""
        for server in self._servers:
            server.stop()
        await self.services.live.stop()
        await self.services.open_alarms.stop()
        await self.sockets.close_all()
        await self.watch.stop()
        await self.standstills.stop()
        await self.sweeper.stop()
        await self.key_mover.stop()
        await self.revocation_list.stop()
        await self.bounds.stop()
        for server in self._servers:
            await server.close_all_connections()
        self.held.store_signs_of_life()
        self.rejected_connections.store_noted()
        self.alarms.store_repeats()
        self.progress.store()
        await self.limits.settled()
        await self.audit.settled()
        self.passwords.close()
        self.services.users.passwords.close()
        await self.telemetry.close()
        await self.bus.stop()
        await self.lease.stop()
        await self._telemetry_client.close()
        self._client.close()
        log.info("stopped")
