"""When raises stand still: freeze windows, allowed hours, time zones and the two nights when clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from reconciler.domain.policy import AllowedHours, Freeze, Frozen, Policy, frozen_at, raises_end
from tests.builders.domain import INSTANT

BERLIN = ZoneInfo("Europe/Berlin")
WEEK = frozenset(range(7))
OFFICE = AllowedHours(zone=BERLIN, days=frozenset(range(5)), opens=time(9), closes=time(16))
OUTSIDE = "outside the allowed hours"


def utc(day: int, hour: int, minute: int = 0, *, month: int = 3) -> datetime:
    """Return a moment of March 2026: the 2nd is a Monday, Berlin is an hour ahead until the 29th."""
    return datetime(2026, month, day, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("moment", "frozen"),
    [
        pytest.param(utc(2, 8) - INSTANT, None, id="before it begins"),
        pytest.param(utc(2, 8), Frozen(reason="sale", until=utc(2, 10)), id="as it begins"),
        pytest.param(utc(2, 10) - INSTANT, Frozen(reason="sale", until=utc(2, 10)), id="before it ends"),
        pytest.param(utc(2, 10), None, id="as it ends"),
    ],
)
def test_a_freeze_includes_its_beginning_and_not_its_end(moment: datetime, frozen: Frozen | None) -> None:
    policy = Policy(freezes=(Freeze(begins=utc(2, 8), ends=utc(2, 10), reason="sale"),))

    assert frozen_at(policy, moment) == frozen


def test_a_freeze_without_a_reason_is_called_a_freeze_window() -> None:
    policy = Policy(freezes=(Freeze(begins=utc(2, 8), ends=utc(2, 10)),))

    assert frozen_at(policy, utc(2, 9)) == Frozen(reason="freeze window", until=utc(2, 10))


@pytest.mark.parametrize(
    ("freezes", "until"),
    [
        pytest.param([(8, 10), (9, 12)], utc(2, 12), id="overlapping"),
        pytest.param([(8, 10), (10, 12)], utc(2, 12), id="adjoining"),
        pytest.param([(10, 12), (8, 10)], utc(2, 12), id="in any order"),
        pytest.param([(8, 10), (11, 12)], utc(2, 10), id="apart"),
        pytest.param([(8, 12), (9, 10)], utc(2, 12), id="one inside the other"),
        pytest.param([(8, 10), (10, 12), (12, 14), (14, 16)], utc(2, 16), id="four in a row"),
    ],
)
def test_several_freezes_end_with_the_last_of_a_row(freezes: list[tuple[int, int]], until: datetime) -> None:
    policy = Policy(
        freezes=tuple(Freeze(begins=utc(2, begins), ends=utc(2, ends), reason="sale") for begins, ends in freezes)
    )

    assert frozen_at(policy, utc(2, 9, 30)) == Frozen(reason="sale", until=until)


@pytest.mark.parametrize(
    ("moment", "until"),
    [
        pytest.param(utc(2, 8) - INSTANT, utc(2, 8), id="before nine in Berlin"),
        pytest.param(utc(2, 8), None, id="at nine"),
        pytest.param(utc(2, 15) - INSTANT, None, id="before four"),
        pytest.param(utc(2, 15), utc(3, 8), id="at four"),
        pytest.param(utc(6, 15), utc(9, 8), id="Friday evening waits for Monday"),
        pytest.param(utc(7, 12), utc(9, 8), id="Saturday"),
        pytest.param(utc(27, 15), utc(30, 7), id="Friday before the clocks go forward"),
    ],
)
def test_raises_wait_for_the_allowed_hours_of_their_zone(moment: datetime, until: datetime | None) -> None:
    expected = None if until is None else Frozen(reason=OUTSIDE, until=until)

    assert frozen_at(Policy(allowed_hours=OFFICE), moment) == expected


def test_a_week_with_one_allowed_day_waits_for_that_day() -> None:
    mondays = AllowedHours(zone=BERLIN, days=frozenset({0}), opens=time(9), closes=time(10))

    assert frozen_at(Policy(allowed_hours=mondays), utc(2, 9)) == Frozen(reason=OUTSIDE, until=utc(9, 8))


def test_the_day_is_the_day_of_the_zone() -> None:
    """It is Monday in Auckland while it is still Sunday in Greenwich."""
    mondays = AllowedHours(zone=ZoneInfo("Pacific/Auckland"), days=frozenset({0}), opens=time(0), closes=time(23))

    assert frozen_at(Policy(allowed_hours=mondays), utc(1, 12)) is None


def test_a_freeze_that_ends_at_night_lasts_until_the_hours_open() -> None:
    policy = Policy(freezes=(Freeze(begins=utc(2, 8), ends=utc(2, 20), reason="sale"),), allowed_hours=OFFICE)

    assert frozen_at(policy, utc(2, 9)) == Frozen(reason="sale", until=utc(3, 8))


def test_hours_that_open_in_a_freeze_wait_for_its_end() -> None:
    policy = Policy(freezes=(Freeze(begins=utc(3, 7), ends=utc(3, 9), reason="sale"),), allowed_hours=OFFICE)

    assert frozen_at(policy, utc(2, 20)) == Frozen(reason=OUTSIDE, until=utc(3, 9))


def test_follows_freezes_and_nights_to_the_end() -> None:
    freezes = tuple(Freeze(begins=utc(day, 7), ends=utc(day, 16), reason="sale") for day in (2, 3, 4, 5))

    assert frozen_at(Policy(freezes=freezes, allowed_hours=OFFICE), utc(2, 9)) == Frozen(
        reason="sale", until=utc(6, 8)
    )


# On 29 March 2026, 02:00 becomes 03:00 in Berlin (01:00 UTC); on 25 October, 03:00 becomes 02:00 (01:00 UTC).


@pytest.mark.parametrize(
    ("opens", "closes", "first", "last"),
    [
        pytest.param(time(1), time(4), utc(29, 0), utc(29, 2), id="around the gap"),
        pytest.param(time(2, 30), time(4), utc(29, 1, 30), utc(29, 2), id="opening in the gap"),
        pytest.param(time(1), time(2, 30), utc(29, 0), utc(29, 0, 30), id="closing in the gap"),
        pytest.param(time(1), time(4), utc(24, 23, month=10), utc(25, 3, month=10), id="around the hour twice"),
        pytest.param(time(2, 30), time(4), utc(25, 1, 30, month=10), utc(25, 3, month=10), id="opening twice"),
        pytest.param(time(1), time(2, 30), utc(24, 23, month=10), utc(25, 0, 30, month=10), id="closing twice"),
    ],
)
def test_allowed_hours_are_one_stretch_on_the_nights_when_clocks_change(
    opens: time, closes: time, first: datetime, last: datetime
) -> None:
    """A time that the clocks show twice or skip is taken on the side that makes the hours shorter."""
    policy = Policy(allowed_hours=AllowedHours(zone=BERLIN, days=WEEK, opens=opens, closes=closes))
    quarters = [first + timedelta(minutes=15 * count) for count in range(-8, 36)]

    assert [moment for moment in quarters if frozen_at(policy, moment) is None] == [
        moment for moment in quarters if first <= moment < last
    ]
    assert frozen_at(policy, first - timedelta(hours=1)) == Frozen(reason=OUTSIDE, until=first)


@pytest.mark.parametrize(
    ("saturday_evening", "following"),
    [
        pytest.param(utc(28, 20), utc(5, 0, 15, month=4), id="skipped"),
        pytest.param(utc(24, 20, month=10), utc(1, 1, 15, month=11), id="shown twice"),
    ],
)
def test_hours_that_a_night_has_not_got_once_wait_for_the_next_week(
    saturday_evening: datetime, following: datetime
) -> None:
    sundays = AllowedHours(zone=BERLIN, days=frozenset({6}), opens=time(2, 15), closes=time(2, 45))

    assert frozen_at(Policy(allowed_hours=sundays), saturday_evening) == Frozen(reason=OUTSIDE, until=following)


MOMENTS = st.integers(0, 365 * 96).map(lambda quarter: utc(1, 0) + timedelta(minutes=15 * quarter))
QUARTERS = st.integers(0, 95).map(lambda quarter: time(quarter // 4, 15 * (quarter % 4)))
ZONES = st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo", "UTC"])


@st.composite
def some_hours(draw: st.DrawFn) -> AllowedHours:
    opens, closes = sorted(draw(st.lists(QUARTERS, min_size=2, max_size=2, unique=True)))
    return AllowedHours(
        zone=ZoneInfo(draw(ZONES)),
        days=draw(st.frozensets(st.integers(0, 6), min_size=1)),
        opens=opens,
        closes=closes,
    )


@st.composite
def some_policies(draw: st.DrawFn) -> Policy:
    freezes = draw(st.lists(st.tuples(MOMENTS, st.integers(1, 2000)), max_size=4))
    return Policy(
        freezes=tuple(
            Freeze(begins=begins, ends=begins + timedelta(minutes=15 * length)) for begins, length in freezes
        ),
        allowed_hours=draw(st.none() | some_hours()),
    )


@given(some_policies(), MOMENTS)
def test_frozen_until_is_the_first_moment_that_is_not_frozen(policy: Policy, moment: datetime) -> None:
    frozen = frozen_at(policy, moment)
    if frozen is None:
        return

    assert frozen.until is not None
    assert frozen_at(policy, frozen.until) is None
    between = [moment + timedelta(minutes=15 * count) for count in range(100)]
    assert all(frozen_at(policy, each) is not None for each in between if each < frozen.until)


@given(some_policies(), MOMENTS)
def test_raises_end_at_the_first_moment_that_is_frozen_again(policy: Policy, moment: datetime) -> None:
    assume(frozen_at(policy, moment) is None)
    end = raises_end(policy, moment)

    assert end is None or (end > moment and frozen_at(policy, end) is not None)
    following = [moment + timedelta(minutes=15 * count) for count in range(100)]
    assert all(frozen_at(policy, each) is None for each in following if end is None or each < end)
