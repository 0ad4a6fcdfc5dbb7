"""What is counted, for Prometheus. One `Metrics` per application, no process-wide registry."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """The metrics of this node."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.connections = Gauge(
            "csms_connections", "Charge points connected to this node", registry=self.registry
        )
        self.rejected = Counter(
            "csms_rejected_connections",
            "Connections turned away",
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
        self.bad_frames = Counter(
            "csms_bad_frames", "Frames that are no OCPP-J", ["kind"], registry=self.registry
        )
        self.quirks = Counter(
            "csms_quirks", "Tolerated deviations", ["quirk"], registry=self.registry
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

    def call_received(self, action: str, outcome: str, seconds: float) -> None:
        """Count a Call of a charge point, answered after so many seconds."""
        # Looking a labelled metric up takes longer than counting with it.
        metrics = self._received.get((action, outcome))
        if metrics is None:
            metrics = self.calls_in.labels(action, outcome), self.call_in_seconds.labels(action)
            self._received[action, outcome] = metrics
        metrics[0].inc()
        metrics[1].observe(seconds)

    def call_sent(self, action: str, outcome: str, seconds: float) -> None:
        """Count a Call to a charge point, ended after so many seconds."""
        self.calls_out.labels(action, outcome).inc()
        self.call_out_seconds.labels(action).observe(seconds)
