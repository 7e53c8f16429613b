"""One apply: decide, carry out, and say how far it came."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import uuid4

from reconciler.cli.invocation import now
from reconciler.cli.prospects import Workplace, view_of
from reconciler.domain.impact import Impact
from reconciler.errors import RevisionRefusedError
from reconciler.reconcile.apply import Applier, Outcome
from reconciler.reconcile.observe import Prospect, Request, prepare
from reconciler.render.view import BrokenRule, OutcomeView, PlanView


@dataclass(slots=True, kw_only=True)
class Applying:
    """Applies a commit, the tip for None; the plan that is shown is the last one decided on."""

    place: Workplace
    revision: str | None
    adopt: bool
    allow_unsafe: str | None
    _decided: list[Prospect] = field(default_factory=list)
    _moved: dict[str, Impact] = field(default_factory=dict)
    _progress: tuple[int, int] = (0, 0)

    def run(self) -> OutcomeView:
        """Apply it and return what that did; RevisionRefusedError when the commit may not be applied."""
        call = self.place.call
        applier = Applier(
            store=self.place.store,
            prepare=self._decide,
            new_id=uuid4,
            actor=call.settings.actor,
            report=self._report,
        )
        try:
            outcome = applier.run()
        except RevisionRefusedError:
            if call.output == "text":
                raise
            return OutcomeView(view=view_of(self._decided[-1]))
        except KeyboardInterrupt:
            call.talk.note("{:,} of {:,} changes are done; the next apply finishes".format(*self._progress))
            raise
        finally:
            call.talk.clear()
        # Not before: what has to go down at once waits for no bookkeeping.
        self.place.look_after_events()
        return _outcome_view(view_of(self._decided[-1], self._moved), outcome)

    def _decide(self) -> Prospect:
        place = self.place
        with place.call.talk.step("reading definitions and comparing"):
            request = Request(
                root=place.root,
                local_now=now(),
                revision=self.revision,
                adopt=self.adopt,
                allow_unsafe=self.allow_unsafe,
            )
            prospect = prepare(place.store, place.repository, request)
        self._decided.append(prospect)
        # Before it is carried out: later there is nothing left to compare with.
        self._moved.update(place.moved(prospect.plan))
        place.call.talk.begin()
        return prospect

    def _report(self, count: int, of: int) -> None:
        self._progress = count, of
        self.place.call.talk.report(count, of)


def _outcome_view(view: PlanView, outcome: Outcome) -> OutcomeView:
    return OutcomeView(
        view=view,
        done=outcome.done,
        conflicts=outcome.conflicts,
        broken=tuple(BrokenRule(change=each.change, rule=each.rule, reason=each.reason) for each in outcome.broken),
        is_settled=outcome.is_settled,
        failures=outcome.failures,
    )
