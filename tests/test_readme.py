"""The README names what there is."""

from __future__ import annotations

from pathlib import Path

import pytest

from csms.config import Settings
from csms.web.api.base import endpoint_of
from csms.web.api.routes import ROUTES

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_in_the_table(name: str) -> None:
    [row] = [line for line in README.splitlines() if line.startswith(f"| `{name}` |")]
    assert row.endswith(f"| {Settings.model_fields[name].description} |")


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.path)
def test_every_route_is_in_the_table(route: object) -> None:
    path, handler = route.path, route.handler  # type: ignore[attr-defined]
    rows = [line for line in README.splitlines() if f"{path}`" in line and line.startswith("|")]
    for method in ("GET", "POST", "PATCH", "DELETE"):
        if endpoint_of(handler, method) is not None:
            assert any(method in row for row in rows), (method, path)
