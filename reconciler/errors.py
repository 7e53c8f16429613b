"""Failures by remedy: one class says what the reader can do, one table says what the process answers."""

from __future__ import annotations


class ReconcilerError(Exception):
    """A failure with a message for people: subject, fact, limit, and what to do."""


class UsageError(ReconcilerError):
    """An option, argument or setting is wrong; call again, corrected."""


class RepositoryError(ReconcilerError):
    """Git could not be read; the message names the repository, the fact and the remedy."""


class UnreachableError(RepositoryError):
    """The remote can't be reached, or gives no answer in time; nothing is known to have changed. Try again."""


class EditRefusedError(ReconcilerError):
    """A definition can't be edited without touching more than was meant; the message says what to write by hand."""


class RevisionRefusedError(ReconcilerError):
    """This revision may not be applied (another branch, rewritten history, a shallow clone)."""


class DatabaseUnavailableError(ReconcilerError):
    """The server can't be reached or gave up; nothing is known to have changed. Try again."""


class StatementFailedError(DatabaseUnavailableError):
    """One statement failed while the server goes on (a timeout, a full disk); the others may be tried."""


class DatabaseOutdatedError(ReconcilerError):
    """The schema isn't the one this version works with; run `reconciler db migrate` or upgrade."""


class DatabaseDeniedError(ReconcilerError):
    """The role of this connection may not do this; connect as a role that may."""


class ConflictError(ReconcilerError):
    """Somebody else changed the feature first; read again and decide anew."""


class SupersededError(ConflictError):
    """A newer revision is in force; nothing of this one may be applied any more."""


class RuleViolatedError(ReconcilerError):
    """The database refused a transition; `rule` is the name of the constraint that did."""

    def __init__(self, rule: str, reason: str) -> None:
        super().__init__(f"{rule}: {reason}")
        self.rule = rule
        self.reason = reason


UNANSWERED = (
    StatementFailedError,
    ConflictError,
    DatabaseDeniedError,
    DatabaseOutdatedError,
    RuleViolatedError,
)
"""What a question about events may fail with while the database itself goes on: a lock, a right, a broken table."""

EXIT_DONE = 0
EXIT_FAILED = 1
EXIT_CHANGES = 2
EXIT_REFUSED = 3
EXIT_USAGE = 64

_EXIT_CODES: dict[type[ReconcilerError], int] = {
    UsageError: EXIT_USAGE,
    RevisionRefusedError: EXIT_REFUSED,
    RuleViolatedError: EXIT_REFUSED,
    EditRefusedError: EXIT_REFUSED,
}


def exit_code(error: ReconcilerError) -> int:
    """Return the exit code of the nearest listed class; anything unlisted is a failure (1)."""
    return next((_EXIT_CODES[kind] for kind in type(error).__mro__ if kind in _EXIT_CODES), EXIT_FAILED)
