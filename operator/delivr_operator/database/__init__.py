"""EDGE: Delivr's tables: reading, syncing and migrating them. Nothing else knows SQL."""

from delivr_operator.database.adopting import read_adoptable
from delivr_operator.database.desk import Desk
from delivr_operator.database.edge import Database, read_settings_row
from delivr_operator.database.migrations import (
    MigrationReport,
    MigrationState,
    migrate_down,
    migrate_up,
    migration_engine,
    migration_status,
)
from delivr_operator.database.outages import DatabaseUnavailable, Outage
from delivr_operator.database.sync import ClaimedByAnother, StaleGeneration, SyncResult

__all__ = [
    "ClaimedByAnother",
    "Database",
    "DatabaseUnavailable",
    "Desk",
    "MigrationReport",
    "MigrationState",
    "Outage",
    "StaleGeneration",
    "SyncResult",
    "migrate_down",
    "migrate_up",
    "migration_engine",
    "migration_status",
    "read_adoptable",
    "read_settings_row",
]
