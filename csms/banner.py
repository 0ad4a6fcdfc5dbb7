"""What `csms serve` says when it has started: where everything is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from csms.config import Settings
from csms.listeners import Serves, first_that, listeners_of


def address_lines(settings: Settings, ports: Mapping[str, int]) -> list[str]:
    """Each address and what is served there; the port of a setting that is 0 is known by now."""
    found = [
        replace(listener, port=ports[listener.port_setting]) for listener in listeners_of(settings)
    ]
    people, charge_points = first_that(found, admin=True), first_that(found, admin=False)
    root, prefix = people.url("http"), settings.path_prefix
    lines = [
        f"  admin pages    {root}{prefix}/",
        f"  admin REST     {root}/admin   (try it: {root}/docs)",
        f"  OCPP endpoint  {charge_points.url('ws')}/ocpp/1.6/{{chargePointIdentity}}",
    ]
    for listener in found:
        if listener.serves is Serves.METRICS:
            lines.append(f"  metrics        {listener.url('http')}/metrics")
        elif listener not in (people, charge_points):
            schemes = "ws and http" if listener.serves is Serves.EVERYTHING else "ws"
            lines.append(f"                 and {schemes} without TLS at port {listener.port}")
    return lines
