"""The processes that serve, and how they and the database are."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from csms.connections.node_clock import MAX_OFFSET
from csms.repositories.health import read_health
from csms.repositories.nodes import Nodes
from csms.repositories.pages import find_listing
from csms.web.pages.base import PageHandler
from csms.web.pages.local_times import duration


def _clock(node: Mapping[str, Any]) -> tuple[float | None, bool]:
    """How far the clock of a node is ahead of the database's, seconds, and whether it is right."""
    offset = node.get("clockOffsetSeconds")
    return offset, offset is not None and abs(offset) <= MAX_OFFSET


class NodesPage(PageHandler):
    """Nodes and health."""

    async def get(self) -> None:
        """Show them."""
        deps = self.services.deps
        now = deps.clock()
        events = await find_listing(
            self.services.database["security_events"],
            {"critical": True},
            sort_field="timestamp",
            order="desc",
            page=1,
            size=10,
        )
        self.show(
            "nodes.html",
            nodes=await Nodes(self.services.database).living(),
            counts=await deps.charge_points.count_by_node(),
            here_id=deps.settings.node_id,
            health=await read_health(self.services.database),
            commits=self._commits(),
            events=events.items,
            clock=_clock,
            runs=lambda node: duration(max(now - node["startedAt"], timedelta())),
        )

    def _commits(self) -> list[tuple[str, int, float, float]]:
        """By collection: commits of this node, documents in each, milliseconds for each."""
        values: dict[tuple[str, str], float] = {}
        metrics = self.services.deps.metrics
        for metric in (metrics.commit_size, metrics.commit_seconds):
            for family in metric.collect():
                for sample in family.samples:
                    if sample.name.endswith(("_count", "_sum")):
                        values[sample.name, sample.labels["collection"]] = sample.value
        commits = []
        for (name, collection), count in values.items():
            if name == "csms_commit_seconds_count" and count:
                documents = values.get(("csms_commit_documents_sum", collection), 0) / count
                seconds = values["csms_commit_seconds_sum", collection] / count
                commits.append((collection, int(count), documents, seconds * 1000))
        return sorted(commits)
