"""Customers who come and now and then fail, minute by minute: how often and how soon do thresholds roll back?

The traffic: everybody has the feature all day and visits at random moments (a Poisson process), VISITS an hour
each, so that a window of an hour holds them all; that one in twenty thousand is missed is neglected. Each visit
fails by itself, with the chance that makes `rate` of the customers have an error within an hour; at a rate of 1
every visit fails. A customer counts once in a window. The window slides by the minute and is judged at the end of
each.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, log, sqrt

import numpy as np
from numpy.typing import NDArray

from reconciler.domain.analysis import errors_needed
from reconciler.domain.gates import Thresholds

VISITS = 10.0  # of each customer in an hour
WINDOW = 60  # minutes
PUBLISHED_RUNS = 1_000  # behind each figure that the tests hold this to, as far as we know

Integers = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Traffic:
    """Customers whose errors come at one rate for an hour, and at another for `minutes` from then on."""

    customers: int
    before: float
    rate: float
    minutes: int


def a_day(customers: int, rate: float) -> Traffic:
    """Return a day at one rate; its first window is full."""
    return Traffic(customers=customers, before=rate, rate=rate, minutes=24 * 60)


def failing_customers(traffic: Traffic, *, runs: int, seed: int) -> Integers:
    """Return how many customers have an error in the window, a row for each run and a column for each judgement.

    The first column is the moment at which the rate changes.
    """
    generator = np.random.default_rng(seed)
    owners = runs * traffic.customers
    hour = _errors(generator, owners, traffic.before, WINDOW)
    rest = _errors(generator, owners, traffic.rate, traffic.minutes)
    owner = np.concatenate([hour[0], rest[0]])
    minute = np.concatenate([hour[1], rest[1] + WINDOW])
    order = np.lexsort((minute, owner))
    owner, minute = owner[order], minute[order]
    # An error counts until it leaves the window or the same customer has the next one.
    until = minute + WINDOW
    again = owner[1:] == owner[:-1]
    until[:-1][again] = np.minimum(until[:-1], minute[1:])[again]
    width = traffic.minutes + 2 * WINDOW
    row = owner // traffic.customers * width
    steps = np.bincount(row + minute, minlength=runs * width) - np.bincount(row + until, minlength=runs * width)
    return steps.reshape(runs, width).cumsum(axis=1)[:, WINDOW - 1 : WINDOW + traffic.minutes]


def share_rolled_back(rule: Thresholds, customers: int, failing: Integers) -> float:
    """Return the share of the runs in which the rule rolls back at least once."""
    return float(_trips(rule, customers, failing).any(axis=1).mean())


def minutes_until_rollback(rule: Thresholds, customers: int, failing: Integers) -> list[float]:
    """Return, in rising order, the minutes from the change of the rate to the rollback.

    A run without one takes infinitely long; a run that was rolled back before the change is left out.
    """
    tripped = _trips(rule, customers, failing)
    after = tripped[~tripped[:, 0]]
    return sorted(np.where(after.any(axis=1), after.argmax(axis=1), inf).tolist())


def quantile(ordered: list[float], share: float) -> float:
    """Return the least of the values that so large a share of them doesn't exceed."""
    return ordered[min(max(round(share * len(ordered)), 1), len(ordered)) - 1]


def tolerance(share: float, runs: int) -> float:
    """Return three standard errors of the difference between a share of PUBLISHED_RUNS runs and one of `runs`.

    Both outcomes get half a run more, so that shares of 0 and 1 have an error too.
    """
    likely = (share * PUBLISHED_RUNS + 0.5) / (PUBLISHED_RUNS + 1)
    return 3 * sqrt(likely * (1 - likely) * (1 / PUBLISHED_RUNS + 1 / runs))


def _trips(rule: Thresholds, customers: int, failing: Integers) -> NDArray[np.bool_]:
    needed = errors_needed(rule, customers)
    return failing >= (customers + 1 if needed is None else needed)


def _errors(generator: np.random.Generator, owners: int, rate: float, minutes: int) -> tuple[Integers, Integers]:
    """Return who fails and in which minute: a Poisson number of errors, each anybody's and at any time."""
    number = generator.poisson(VISITS * _chance_of_error(rate) / 60 * owners * minutes)
    return np.divmod(generator.integers(owners * minutes, size=number), minutes)


def _chance_of_error(rate: float) -> float:
    """Return the chance with which each visit fails when so many customers have an error within an hour."""
    return 1.0 if rate >= 1 else min(-log(1 - rate) / VISITS, 1.0)
