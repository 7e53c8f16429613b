"""Reconciles feature rollouts reviewed in git into guarded PostgreSQL state."""

__version__ = "0.1.0"
