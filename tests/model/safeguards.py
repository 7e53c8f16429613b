"""What the protocol relies on; each can be taken away, and then the exploration has to find what breaks."""

from __future__ import annotations

from enum import StrEnum


class Safeguard(StrEnum):
    """The safeguards, by the sections of the design; those in FOUND were missing there until this model asked."""

    # 4: who may write the database
    VERSION = "a writer names the version that it decided on"
    SAME_DATABASE = "a decision dies with the database that it was made on"
    READ_BACK = "a commit of unknown outcome is read back by its id"
    CONSTRAINTS = "the chain's constraints hold whatever a writer decided"

    # 4: which revision
    ONLY_FORWARD = "nothing is applied that does not contain the commit in force"
    ONLY_IN_FORCE = "a change is written only while its commit is the one in force"
    ONLY_THE_TIP_RAISES = "an older commit of the branch may do everything but raise"
    FETCHED_LAST = "the tip is fetched after the database was read"
    RAISES_ONCE = "a commit raises once"
    IMPORTS_FIRST = "rollbacks that git tells of are imported before their commit is in force"
    LOOKS_BACK = "a commit in force without its imports, or reanchored, has the whole history read"
    FIRST_ROW_LOOKS_BACK = "so has one in force before the first row that git remembers a rollback of"

    # 3 and 4: the rules
    FILE_RULE = "the file's own rule: `attempt` is `rolled_back` or the next"
    FILE_TELLS = "rule 5: a rollback is imported from the file"
    TRAILERS_TELL = "rule 5: a rollback is imported from the trailers since the last applied commit"
    STAYS_OFF = "rule 6: a rolled back attempt stays off whatever the file says"
    RESTARTS_LOW = "rule 7: the next attempt begins at 0 or 1"
    DWELL = "rule 10: the dwell is served and the evidence healthy"
    NO_SKIP = "rule 11: no tier is skipped"

    # 7: rollback and write-back
    ONE_TRANSACTION = "the outbox row is written in the transaction of the rollback"
    IMPORTS_ARE_KEPT = "a rollback that was imported has an outbox row, too"
    LOOK_AT_FILE = "before it builds, a worker looks whether the file tells of the rollback"
    LOOK_AT_TRAILERS = "before it builds, a worker looks whether a trailer tells of the rollback"
    LIFT_ATTEMPT = "the edit lifts an `attempt` that is behind the rollback"
    NO_FORCE = "a push never overwrites a tip that it doesn't know"
    EXACT_LEASE = "a push lands on the very tip that it was built on, not on an ancestor of that"
    FACTS_DECIDE = "a push of unknown outcome is decided by what the branch holds"
    CHECK_AGAIN = "a rollback is told again when the branch no longer contains the commit that told of it"


FOUND = frozenset(
    {
        Safeguard.SAME_DATABASE,
        Safeguard.FETCHED_LAST,
        Safeguard.FIRST_ROW_LOOKS_BACK,
        Safeguard.LIFT_ATTEMPT,
        Safeguard.EXACT_LEASE,
    }
)
