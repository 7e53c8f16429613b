"""The acts of the demo, from the first merge to the restart."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from reconciler.definitions.edit import Edit
from reconciler.demo.scenery import PATH, Scenery, first_files
from reconciler.demo.screen import Screen
from reconciler.demo.traffic import CUSTOMERS
from reconciler.domain.ladder import Tier
from reconciler.reconcile.facts import Fact
from reconciler.render.ladder import ladder_bar
from reconciler.render.style import Tone
from reconciler.repository.scratch import shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """Plays on a scenery and tells a screen."""

    scenery: Scenery
    screen: Screen

    def play(self) -> None:
        """Play all acts."""
        self._merge()
        self._climb(2, Tier.EARLY_ADOPTERS)
        self._climb(3, Tier.GENERAL)
        live = self.scenery.person.fetch()
        self._bug()
        written = self._git_is_told()
        self._revert(live, written)
        self._restart()

    def _merge(self) -> None:
        self.screen.act("A pull request is merged: 1 % of the customers may have the new checkout")
        begun = self._pushed("Release one_page_checkout to the first strangers", first_files())
        self._reached(Tier.INTERNAL, begun)

    def _climb(self, tier: int, rung: Tier) -> None:
        self.screen.act(
            f"Another asks for tier {tier}; it is raised when its dwell is served (3 s here, days in life)"
        )
        begun = self._pushed(f"Advance one_page_checkout to tier {tier}", Edit(tier=tier))
        self._reached(rung, begun)

    def _bug(self) -> None:
        self.screen.act("A bug: every fourth customer with the feature runs into an error")
        begun = time.monotonic()
        self.scenery.traffic.has_bug = True
        self._until("the rollback", lambda: self._fact("rolled-back", begun) is not None)
        told, fact = self._heard("rolled-back", begun)
        off = self._until("all customers off", lambda: self.scenery.traffic.customers_with_it() == 0)
        self.scenery.traffic.has_bug = False
        self.screen.say(f"{fact.fields['reason']}", Tone.BAD)
        self.screen.say(
            f"rolled back {told - begun:.1f} s after the first customer could run into it; "
            f"{max(off - told, 0):.1f} s later nobody has it: {self._place(Tier.DISABLED)}",
            Tone.BAD,
        )

    def _git_is_told(self) -> str:
        self.screen.act("Git is told: one commit, two lines, and the evidence in its message")
        self._until("the commit", lambda: any(fact.name == "written-back" for _, fact in self.scenery.facts))
        _, fact = self._heard("written-back", 0)
        commit = str(fact.fields["commit"])
        self.screen.show(shown(self.scenery.remote, commit))
        return commit

    def _revert(self, live: str, written: str) -> None:
        self.screen.act(
            "Somebody reverts that commit and merges it. With others, the next sync undoes the rollback"
        )
        begun = time.monotonic()
        files = {PATH: self.scenery.content(live)}
        self._pushed(f'Revert "Roll back one_page_checkout" ({written[:7]})', files)
        self._until("the refusal", lambda: self._fact("refused", begun) is not None)
        _, fact = self._heard("refused", begun)
        self.screen.say(f"refused: {fact.fields['reason']}", Tone.BAD)
        self.screen.say(f"-> {fact.fields['remedy']}")
        self.screen.say(f"and nobody has it: {self._place(Tier.DISABLED)}")

    def _restart(self) -> None:
        self.screen.act("The bug is mended. A reviewed line begins the second attempt, from the first rung")
        wanted = Edit(tier=1, attempt=2, rolled_back=1)
        begun = self._pushed("Restart one_page_checkout: attempt 2", wanted)
        self._reached(Tier.INTERNAL, begun)

    def _pushed(self, message: str, change: Edit | Mapping[str, bytes]) -> float:
        commit = self.scenery.push(message, change)
        self.screen.say(f"{commit[:7]} Ada: {message}", Tone.QUIET)
        return time.monotonic()

    def _reached(self, tier: Tier, begun: float) -> None:
        def stands_there() -> bool:
            state = self.scenery.state()
            return state is not None and state.standing.tier == tier

        moment = self._until(f"tier {int(tier)}", stands_there)
        expected = CUSTOMERS * tier.exposure // 200  # half of what is due: customers are not spread to the last one
        self._until("the customers", lambda: self.scenery.traffic.customers_with_it() >= expected)
        time.sleep(1.2)  # everybody asks once, so that there is evidence
        self.screen.say(f"applied {moment - begun:.1f} s later: {self._place(tier)}", Tone.MORE)

    def _place(self, tier: Tier) -> str:
        having = self.scenery.traffic.customers_with_it()
        bar = ladder_bar(tier, Tier.FULL, self.screen.style)
        return f"{bar} {tier.exposure} %, {having:,} of {CUSTOMERS:,} customers have it"

    def _until(self, what: str, condition: Callable[[], object]) -> float:
        return self.scenery.until(what, condition, meanwhile=self._picture)

    def _picture(self) -> None:
        state = self.scenery.state()
        self.screen.move(self._place(Tier.DISABLED if state is None else state.standing.tier))

    def _fact(self, name: str, since: float) -> tuple[float, Fact] | None:
        return self.scenery.fact(name, since)

    def _heard(self, name: str, since: float) -> tuple[float, Fact]:
        found = self._fact(name, since)
        if found is None:  # waited for before
            raise LookupError(name)
        return found
