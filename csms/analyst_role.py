"""What an analyst may read: a role of MongoDB for the collections that hold no secrets.

The embedded MongoDB gets the role and a user at every start. For a MongoDB of one's own,
`csms analyst-role` prints the same as a script for mongosh.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

ROLE = "csmsAnalyst"
USER = "analyst"

COLLECTIONS = (
    "alarms",
    "boot_notifications",
    "charge_points",
    "charging_profiles",
    "commands",
    "heartbeats",
    "id_tags",
    "messages",
    "meter_values",
    "nodes",
    "rejected_connections",
    "reservations",
    "security_events",
    "transactions",
)
"""Secrets in `commands` and `messages` are masked. Every other collection stays closed: those with
hashes, one-time links or sealed texts, what people did, and files."""

_ACTIONS = ("collStats", "find", "listIndexes")

Privilege = Mapping[str, Any]


def privileges(database: str) -> list[Privilege]:
    """The privileges of the role in a database."""
    named: list[Privilege] = [
        {"resource": {"db": database, "collection": name}, "actions": list(_ACTIONS)}
        for name in COLLECTIONS
    ]
    # On the database as a whole, only what its collections are called.
    listing = {"resource": {"db": database, "collection": ""}, "actions": ["listCollections"]}
    return [*named, listing]


def is_same(some: Sequence[Privilege], others: Sequence[Privilege]) -> bool:
    """Whether two lists of privileges allow the same."""
    return _flat(some) == _flat(others)


def _flat(given: Sequence[Privilege]) -> set[tuple[str, str, str]]:
    return {
        (str(one["resource"].get("db")), str(one["resource"].get("collection")), str(action))
        for one in given
        for action in one["actions"]
    }


def script(database: str) -> str:
    """A script for mongosh that makes the role, or brings it up to date, and the user."""
    allowed = ",\n  ".join(json.dumps(one) for one in privileges(database))
    return f"""\
// What analysts may read of csms. Run it as a user who may make users (userAdmin):
//   csms analyst-role > analyst-role.js
//   mongosh "mongodb://..." --file analyst-role.js
const csms = db.getSiblingDB({json.dumps(database)});
const privileges = [
  {allowed},
];
if (csms.getRole("{ROLE}")) {{
  csms.updateRole("{ROLE}", {{ privileges, roles: [] }});
}} else {{
  csms.createRole({{ role: "{ROLE}", privileges, roles: [] }});
}}
if (!csms.getUser("{USER}")) {{
  csms.createUser({{ user: "{USER}", pwd: passwordPrompt(), roles: ["{ROLE}"] }});
}}
"""
