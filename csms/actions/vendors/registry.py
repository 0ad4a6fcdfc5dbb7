"""Finds the vendors: every module of this package that declares `VENDOR`."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import cache

import csms.actions.vendors
from csms.actions.context import Context


class Rejected(Exception):
    """A message that is understood and cannot be taken; its text is the answer's `data`."""


MessageHandler = Callable[[Context, str], Awaitable[str | None]]
"""Takes a message's `data` ("" if there is none) and returns that of the answer, if any."""


@dataclass(frozen=True)
class Vendor:
    """A vendor's messages by `messageId`; "" is the message that has none."""

    vendor_id: str
    messages: Mapping[str, MessageHandler]


@cache
def find_vendors() -> dict[str, Vendor]:
    """The vendors by folded `vendorId`."""
    package = csms.actions.vendors
    modules = (
        importlib.import_module(f"{package.__name__}.{info.name}")
        for info in pkgutil.iter_modules(package.__path__)
    )
    found = [module.VENDOR for module in modules if hasattr(module, "VENDOR")]
    return {vendor.vendor_id.casefold(): vendor for vendor in found}
