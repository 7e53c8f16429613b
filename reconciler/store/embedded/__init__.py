"""An own PostgreSQL in a data folder, for everybody who passes no DSN."""

from __future__ import annotations

from reconciler.store.embedded.cluster import find_binaries
from reconciler.store.embedded.folder import clones_folder, default_folder
from reconciler.store.embedded.server import EmbeddedServer, ensure_running, status, stop

__all__ = ["EmbeddedServer", "clones_folder", "default_folder", "ensure_running", "find_binaries", "status", "stop"]
