"""Commits on their way to the remote: by force only over branches of our own, and only if nobody touched them."""

from __future__ import annotations

import os
import re

from reconciler.domain.commit import PushReport
from reconciler.errors import UnreachableError
from reconciler.failpoints import reach
from reconciler.repository.text import one_line
from reconciler.repository.transport import Deadline, Transport

_PUSH = ("push", "--porcelain", "--no-verify", "--no-signed", "--no-follow-tags", "--recurse-submodules=no")
_OUTCOME = re.compile(r"[ +*=!-]\t[^\t]*\t(?P<summary>.*)")


def push(transport: Transport, commit: str, ref: str) -> PushReport:
    """Push a commit to a branch that it descends from; anything else is not accepted."""
    return _reported(transport, f"{commit}:{ref}")


def push_over(transport: Transport, commit: str | None, ref: str, *, expected: str | None) -> PushReport:
    """Set a branch to a commit, or delete it for None, while it is at `expected`; None: while it isn't there.

    Over the parent of a commit that is no force, and asks for more than a plain push: that would also go through
    over what people set the branch back to, and bring back what they dropped.
    """
    return _reported(transport, f"{commit or ''}:{ref}", f"--force-with-lease={ref}:{expected or ''}")


def _reported(transport: Transport, refspec: str, *options: str) -> PushReport:
    reach("push.begins")
    report = _pushed(transport, *_PUSH, *options, "--", transport.remote.url, refspec)
    reach("push.ended")
    return report


def _pushed(transport: Transport, *arguments: str) -> PushReport:
    try:
        answer = transport.run(*arguments, deadline=Deadline(transport.timeout))
    except UnreachableError as error:
        # It may have got there all the same.
        return PushReport(is_accepted=False, said=str(error))
    printed = transport.remote.without_secrets(os.fsdecode(answer.output))
    outcomes = [match["summary"] for line in printed.splitlines() if (match := _OUTCOME.fullmatch(line))]
    said = "; ".join(filter(None, (*outcomes, answer.complaint)))
    return PushReport(is_accepted=answer.code == 0, said=one_line(said or f"exit code {answer.code}"))
