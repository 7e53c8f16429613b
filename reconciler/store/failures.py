"""What PostgreSQL's refusals mean: each SQLSTATE and constraint becomes the error that says the remedy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from reconciler.errors import (
    ConflictError,
    DatabaseDeniedError,
    DatabaseOutdatedError,
    DatabaseUnavailableError,
    ReconcilerError,
    RuleViolatedError,
    StatementFailedError,
    SupersededError,
)

_DECIDE_ANEW = {"40001", "40P01", "55P03"}
_BREAKS_A_RULE = ("22", "23", "428C9")  # data exceptions, integrity constraints, generated columns
_REMEDIES = {
    "one_raise_a_commit": "this commit has raised it once; ask for the raise with a new commit",
    "raise_needs_another_commit": "this commit asked for the tier that is so; ask for the raise with a new commit",
    "recent_events_stay": "the last two whole days of events always stay; drop this day later",
    "archive_is_whole": "events came in after the archive was written; move its file away and archive again",
}
_GRANTS = (
    "connect as a login that was granted rollouts_application (to ask and report), rollouts_reader (to look) "
    "or rollouts_reconciler (to apply)"
)
_IS_GONE = ("08", "57P")
_NOT_MIGRATED = {"3F000", "42P01", "42703", "42883"}
_ALREADY_THERE = {
    "one_row_a_version",
    "chain_key",
    "feature_rollouts_pkey",
    "feature_rollouts_feature_name_key",
    "rollout_revisions_pkey",
}


@contextmanager
def translated() -> Iterator[None]:
    """Raise the product's error for a failure of the server or of the way to it."""
    try:
        yield
    except psycopg.Error as error:
        raise translate(error) from error
    except UnicodeEncodeError as error:
        raise RuleViolatedError("text_is_unicode", f"{error.object!a} holds what is no character") from error


def translate(error: psycopg.Error) -> ReconcilerError:
    """Return the error that names the remedy."""
    state = error.sqlstate or ""
    constraint = error.diag.constraint_name or ""
    message = (error.diag.message_primary or str(error)).strip()
    if constraint == "superseded_revision":
        return SupersededError(f"a newer revision came into force: {message}")
    if state in _DECIDE_ANEW or constraint in _ALREADY_THERE:
        return ConflictError(message)
    if state.startswith(_BREAKS_A_RULE):
        rule = _rule(error)
        return RuleViolatedError(rule, _REMEDIES.get(rule, message))
    if not state and isinstance(error, psycopg.DataError):
        return RuleViolatedError("text_is_unicode", message)  # refused on the way, such as a NUL
    if state == "42501":
        return DatabaseDeniedError(f"{message}; {_GRANTS}")
    if state in _NOT_MIGRATED:
        return DatabaseOutdatedError(f"the schema is not there ({message}); run `reconciler db migrate`")
    kind = DatabaseUnavailableError if state.startswith(_IS_GONE) or not state else StatementFailedError
    return kind(f"the database failed: {_one_line(message)}; try again when it is well")


def _rule(error: psycopg.Error) -> str:
    if error.sqlstate == "23502":
        return f"{error.diag.column_name}_is_required"
    return error.diag.constraint_name or error.sqlstate or ""


def _one_line(message: str) -> str:
    return " ".join(message.split())
