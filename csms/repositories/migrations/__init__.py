"""The migrations of stored data, in their order, one file for each.

A migration is idempotent, since a node that dies half-way leaves it to the next one. It only adds:
nodes of the version before run on the same database meanwhile, so what they need is removed one
version later. It never rewrites a large collection (meter values, messages), and it changes the
others in batches.
"""

from __future__ import annotations

from csms.repositories.migrations import (
    m001_drop_superseded_indexes,
    m002_compose_texts,
    m003_tie_issued_certificates,
)
from csms.repositories.migrations.migration import Migration

MIGRATIONS: tuple[Migration, ...] = (
    m001_drop_superseded_indexes.MIGRATION,
    m002_compose_texts.MIGRATION,
    m003_tie_issued_certificates.MIGRATION,
)

VERSION = max(migration.version for migration in MIGRATIONS)
"""The schema version that this code writes. Data of version 0.1.0, and of before, has 0."""
