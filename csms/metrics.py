"""What is counted, for Prometheus. One `Metrics` per application, no process-wide registry.

Workers that share a port keep their figures in files that all of them can read. The files are
named by the worker's number, not its pid: one that is started again counts on where it ended.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    values,
)
from prometheus_client.multiprocess import MultiProcessCollector

from csms.metric_labels import ACTIONS, METHODS, OTHER, OUTCOMES, TLS_REASONS, closed

_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
WORKER_NUMBER = "CSMS_WORKER_NUMBER"
"""In the environment of a worker, and of no other process."""

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


MAX_REASONS = 60
"""Why visitors are turned away: a word of ours each time, and so never this many."""


class Metrics:
    """The metrics of this node."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.connections = Gauge(
            "csms_connections",
            "Charge points connected",
            registry=self.registry,
            multiprocess_mode="sum",
        )
        self.rejected = Counter(
            "csms_rejected_connections",
            "Connections turned away",
            ["reason"],
            registry=self.registry,
        )
        self.failed_handshakes = Counter(
            "csms_failed_tls_handshakes",
            "TLS handshakes that failed, by OpenSSL's reason",
            ["reason"],
            registry=self.registry,
        )
        self.calls_in = Counter(
            "csms_calls_received",
            "Calls from charge points, by what became of them",
            ["action", "outcome"],
            registry=self.registry,
        )
        self.call_in_seconds = Histogram(
            "csms_call_received_seconds",
            "From the Call's arrival to its answer",
            ["action"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.calls_out = Counter(
            "csms_calls_sent",
            "Calls to charge points, by what became of them",
            ["action", "outcome"],
            registry=self.registry,
        )
        self.call_out_seconds = Histogram(
            "csms_call_sent_seconds",
            "From the Call's sending to its answer",
            ["action"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._received: dict[tuple[str, str], tuple[Counter, Histogram]] = {}
        self._reasons: set[str] = set()
        self._quirks: dict[str, Counter] = {}
        self.bad_frames = Counter(
            "csms_bad_frames", "Frames that are no OCPP-J", ["kind"], registry=self.registry
        )
        self.quirks = Counter(
            "csms_quirks", "Tolerated deviations", ["quirk"], registry=self.registry
        )
        self.protocol_trouble = Counter(
            "csms_protocol_trouble",
            "Departures of charge points from OCPP: refusedCalls, unreadableFrames, closes,"
            " skewedClock, leftBehind (tolerated ones are csms_quirks_total)",
            ["kind"],
            registry=self.registry,
        )
        self.alarms = Counter(
            "csms_alarms",
            "Alarms raised, and raised again while open",
            ["kind"],
            registry=self.registry,
        )
        self.open_alarms = Gauge(
            "csms_open_alarms",
            "Alarms that are open, of all nodes",
            ["kind"],
            registry=self.registry,
            multiprocess_mode="mostrecent",
        )
        self.held_calls = Counter(
            "csms_held_calls",
            "Times a Call had to wait because its charge point has stored more than its bound",
            ["action"],
            registry=self.registry,
        )
        self.short_of_room = Counter(
            "csms_reading_paused",
            "Times a large message was read no further because too much was waiting",
            registry=self.registry,
        )
        self.left_out_of_log = Counter(
            "csms_messages_left_out",
            "OCPP messages left out of the message log: their charge points fill more than their"
            " share of it",
            registry=self.registry,
        )
        self.commit_size = Histogram(
            "csms_commit_documents",
            "Documents and updates written by one group commit",
            ["collection"],
            buckets=(1, 2, 5, 10, 25, 50, 100, 250, 500, 1000),
            registry=self.registry,
        )
        self.commit_seconds = Histogram(
            "csms_commit_seconds",
            "Duration of one group commit",
            ["collection"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.lost_behind = Counter(
            "csms_unacknowledged_writes_dropped",
            "Heartbeats, log entries and the like given up while the database was away",
            ["collection"],
            registry=self.registry,
        )
        self.http_seconds = Histogram(
            "csms_http_request_seconds",
            "Admin REST requests",
            ["method", "route", "status"],
            buckets=_SECONDS,
            registry=self.registry,
        )

    def own(self) -> bytes:
        """The figures of this process, in the text format."""
        return generate_latest(self.registry)

    def of_all_workers(self) -> bytes:
        """The sums over the workers that share the port, in the text format."""
        if WORKER_NUMBER not in os.environ:
            return self.own()
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)

    def call_received(self, action: str, outcome: str, seconds: float) -> None:
        """Count a Call of a charge point, answered after so many seconds."""
        # Looking a labelled metric up takes longer than counting with it.
        metrics = self._received.get((action, outcome))
        if metrics is None:
            action, outcome = closed(action, ACTIONS), closed(outcome, OUTCOMES)
            metrics = self.calls_in.labels(action, outcome), self.call_in_seconds.labels(action)
            self._received[action, outcome] = metrics
        metrics[0].inc()
        metrics[1].observe(seconds)

    def request_answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a HTTP request. A method may be any word: what is not known makes no new series."""
        self.http_seconds.labels(closed(method, METHODS), route, str(status)).observe(seconds)

    def turned_away(self, reason: str) -> None:
        """Count a connection that was turned away."""
        if reason not in self._reasons and len(self._reasons) >= MAX_REASONS:
            reason = OTHER
        self._reasons.add(reason)
        self.rejected.labels(reason).inc()

    def handshake_failed(self, tls_reason: str) -> None:
        """Count a TLS handshake that failed, by OpenSSL's reason."""
        self.failed_handshakes.labels(closed(tls_reason, TLS_REASONS)).inc()

    def quirk_seen(self, name: str) -> None:
        """Count a tolerated deviation."""
        counter = self._quirks.get(name)
        if counter is None:
            counter = self._quirks[name] = self.quirks.labels(name)
        counter.inc()

    def call_sent(self, action: str, outcome: str, seconds: float) -> None:
        """Count a Call to a charge point, ended after so many seconds."""
        action, outcome = closed(action, ACTIONS), closed(outcome, OUTCOMES)
        self.calls_out.labels(action, outcome).inc()
        self.call_out_seconds.labels(action).observe(seconds)


def worker_environment(folder: Path, number: int) -> Mapping[str, str]:
    """What tells a worker to keep its figures in this folder."""
    return {_FOLDER: str(folder), WORKER_NUMBER: str(number)}


def is_worker() -> bool:
    """Whether this process was started by a supervisor."""
    return WORKER_NUMBER in os.environ


def share_among_workers() -> None:
    """Keep what is counted from now on where the other workers see it, if there are any."""
    number = os.environ.get(WORKER_NUMBER)
    if number is not None:
        of_worker = values.MultiProcessValue(lambda: number)  # type: ignore[no-untyped-call]
        values.ValueClass = of_worker


def forget_all_workers() -> None:
    """In a worker whose supervisor is gone: leave no files behind."""
    shutil.rmtree(os.environ[_FOLDER], ignore_errors=True)


def forget_worker(folder: Path, number: int) -> None:
    """Drop what is true of a worker only while it lives. What it has counted stays."""
    for path in folder.glob(f"gauge_*_{number}.db"):
        path.unlink(missing_ok=True)
