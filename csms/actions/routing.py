"""Finds the actions: every module of this package that declares `INBOUND` or `OUTBOUND`."""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType

import csms.actions
from csms.actions.context import Inbound, Outbound


def _modules() -> list[ModuleType]:
    return [
        importlib.import_module(f"{csms.actions.__name__}.{info.name}")
        for info in pkgutil.iter_modules(csms.actions.__path__)
    ]


def find_inbound() -> dict[str, Inbound]:
    """The actions that charge points call, by name."""
    found = [module.INBOUND for module in _modules() if hasattr(module, "INBOUND")]
    return {inbound.action: inbound for inbound in found}


def find_outbound() -> dict[str, Outbound]:
    """The actions that may be called on charge points, by name."""
    found = [module.OUTBOUND for module in _modules() if hasattr(module, "OUTBOUND")]
    return {outbound.action: outbound for outbound in found}
