"""One feature asked for 100,000 customers, against the same few lines with a dict, two frozensets and mmh3.

Goals: at most twice the floor, three times with the reason; a whitelist of 100,000 entries or 10,000 rollouts cost
the same as the small ones, within 10 %.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from mmh3 import mmh3_32_uintdigest

from reconciler.client import RolloutClient
from reconciler.client.live import Live
from reconciler.evaluation.evaluator import explain, is_enabled
from reconciler.evaluation.snapshot import Rollout
from reconciler.store.rollouts import Mark, MarkedRollout
from tests.benchmarks.measure import least_each, report

CUSTOMERS = [str(UUID(int=number * 0x9E3779B97F4A7C15 % 2**128)) for number in range(100_000)]
RUNS = 15


def main() -> None:
    """Print what an answer costs."""
    small = {"checkout": _rollout("checkout", 100)}
    long = {"checkout": _rollout("checkout", 100_000)}
    many = {f"feature-{number}": _rollout(f"feature-{number}", 0) for number in range(10_000)} | small
    off, on, first = _telling(is_telling=False), _telling(is_telling=True), _telling(is_telling=True)
    costs = least_each(
        {
            "floor": _all(partial(_floor, _rules(small))),
            "small": _all(partial(is_enabled, small, "checkout")),
            "explain": _all(partial(explain, small, "checkout")),
            "long": _all(partial(is_enabled, long, "checkout")),
            "many": _all(partial(is_enabled, many, "checkout")),
            "off": _all(partial(off.client.is_enabled, "checkout")),
            "on": _all(partial(on.client.is_enabled, "checkout")),
            "first": _all(partial(first.client.is_enabled, "checkout"), before=first.forget),
        },
        runs=RUNS,
    )
    floor, plain = costs["floor"], costs["small"]
    report("is_enabled, lists of 100", plain, floor, "2.00")
    report("explain, lists of 100", costs["explain"], floor, "3.00")
    report("the client, recording off", costs["off"], floor, "2.00")
    report("the client, recording on, seen before", costs["on"], floor, "-")
    report("the client, recording on, seen first", costs["first"], floor, "-")
    report("is_enabled, a whitelist of 100,000 / of 100", costs["long"], plain, "1.10")
    report("is_enabled, 10,000 rollouts / one", costs["many"], plain, "1.10")


@dataclass(frozen=True, slots=True)
class _Telling:
    """A client without a database that knows `checkout`, and what makes it forget whom it told of."""

    client: RolloutClient
    live: Live

    def forget(self) -> None:
        self.live.forget(0)
        self.client._engine.recorder.exposures.clear()


def _telling(*, is_telling: bool) -> _Telling:
    nowhere = "host=127.0.0.1 port=9 connect_timeout=1"
    client = RolloutClient(nowhere, record_exposures=is_telling, patience=0, capacity=10**7, handle_sigterm=False)
    client.close(0)
    client._engine.recorder.reset()  # takes events again
    mark = Mark(chain=UUID(int=0), version=1)
    marked = MarkedRollout(mark=mark, rollout=_rollout("checkout", 100), window=3600)
    live = Live(marked, is_telling=is_telling, now=0)
    client._engine.lives = {"checkout": live}
    return _Telling(client, live)


def _all(ask: Callable[[str], object], before: Callable[[], object] = lambda: None) -> Callable[[], None]:
    def all_of_them() -> None:
        before()
        for customer in CUSTOMERS:
            ask(customer)

    return all_of_them


def _rollout(feature: str, listed: int) -> Rollout:
    return Rollout(
        feature=feature,
        tier=3,
        exposure=50,
        whitelist=frozenset(f"white-{number}" for number in range(listed)),
        blacklist=frozenset(f"black-{number}" for number in range(min(listed, 100))),
    )


def _rules(known: Mapping[str, Rollout]) -> dict[str, tuple[frozenset[str], frozenset[str], int]]:
    return {name: (each.blacklist, each.whitelist, each.exposure) for name, each in known.items()}


def _floor(rules: Mapping[str, tuple[frozenset[str], frozenset[str], int]], customer: str) -> bool:
    black, white, exposure = rules["checkout"]
    if customer in black:
        return False
    return customer in white or mmh3_32_uintdigest(b"checkout" + customer.encode()) * 100 >> 32 < exposure
