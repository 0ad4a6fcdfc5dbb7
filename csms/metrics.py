"""What is counted, for Prometheus. One `Metrics` per application, no process-wide registry."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from itertools import accumulate

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class _Durations:
    """How many Calls of one kind there were, by their duration."""

    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts = [0] * (len(_SECONDS) + 1)
        self.total = 0.0


class _CallsReceived(Collector):
    """Calls of charge points. All are counted in the event loop, so it takes no locks: a tenth of
    the time that a Counter and a Histogram would."""

    def __init__(self) -> None:
        self._kinds: dict[tuple[str, str], _Durations] = {}

    def count(self, action: str, outcome: str, seconds: float) -> None:
        """Count a Call, answered after so many seconds."""
        durations = self._kinds.get((action, outcome))
        if durations is None:
            durations = self._kinds[action, outcome] = _Durations()
        durations.counts[bisect_left(_SECONDS, seconds)] += 1
        durations.total += seconds

    def collect(self) -> Iterator[Metric]:
        """Tell what was counted."""
        calls = CounterMetricFamily(
            "csms_calls_received",
            "Calls from charge points, by what became of them",
            labels=["action", "outcome"],
        )
        taken = HistogramMetricFamily(
            "csms_call_received_seconds", "From the Call's arrival to its answer", labels=["action"]
        )
        for (action, outcome), durations in self._kinds.items():
            calls.add_metric([action, outcome], sum(durations.counts))
        for action in dict.fromkeys(action for action, _ in self._kinds):
            of_action = [d for (of, _), d in self._kinds.items() if of == action]
            counts = [sum(column) for column in zip(*(d.counts for d in of_action), strict=True)]
            bounds = [*(str(float(bound)) for bound in _SECONDS), "+Inf"]
            buckets = list(zip(bounds, accumulate(counts), strict=True))
            taken.add_metric([action], buckets, sum(d.total for d in of_action))
        yield calls
        yield taken


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
        self._calls_in = _CallsReceived()
        self.registry.register(self._calls_in)
        self.call_received = self._calls_in.count
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

    def call_sent(self, action: str, outcome: str, seconds: float) -> None:
        """Count a Call to a charge point, ended after so many seconds."""
        self.calls_out.labels(action, outcome).inc()
        self.call_out_seconds.labels(action).observe(seconds)
