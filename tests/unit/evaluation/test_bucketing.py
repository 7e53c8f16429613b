"""The place of a customer: frozen, even, independent between features, and the same as flagd's."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

import cbor2
import mmh3
import pytest
from openfeature.contrib.tools.flagd.core.targeting.custom_ops import fractional

from reconciler.evaluation.bucketing import BUCKETS, bucket, bucket_behind, prefix_of
from tests.builders.vectors import frozen_vectors, some_ids

FEATURES = ("checkout", "search", "phase2_enhanced_storage", "a", "f" * 63)
CUSTOMERS = [f"customer-{number}" for number in range(100_000)]
# The chi-squared distribution at 99 degrees of freedom, exceeded by chance once in a million.
MOST_UNEVEN = 182.0


@pytest.mark.parametrize(
    ("feature", "customer", "place"),
    [pytest.param(*each, id=f"{each[0][:9]}-{len(each[1])}") for each in frozen_vectors()],
)
def test_a_bucket_never_changes(feature: str, customer: str, place: int) -> None:
    assert bucket(feature, customer) == place


def test_a_bucket_is_that_of_flagds_shorthand() -> None:
    arms = [[str(number), 1] for number in range(BUCKETS)]
    for customer in some_ids(10_000):
        context = {"targetingKey": customer, "$flagd": {"flagKey": "checkout"}}

        assert str(bucket("checkout", customer)) == fractional(context, *arms), customer


@pytest.mark.parametrize("size", [0, 1, 23, 24, 255, 256, 65_535, 65_536])
@pytest.mark.parametrize("character", ["x", "é"])
def test_what_is_hashed_is_canonical_cbor(size: int, character: str) -> None:
    for pair in ([character * size, "c"], ["checkout", character * size]):
        expected = mmh3.hash(cbor2.dumps(pair, canonical=True), signed=False) * 100 >> 32

        assert bucket(*pair) == bucket_behind(prefix_of(pair[0]), pair[1]) == expected


def test_the_buckets_of_a_feature_are_even() -> None:
    for feature in FEATURES:
        counts = Counter(bucket(feature, customer) for customer in CUSTOMERS)
        expected = len(CUSTOMERS) / BUCKETS

        assert sum((counts[place] - expected) ** 2 / expected for place in range(BUCKETS)) < MOST_UNEVEN


@pytest.mark.parametrize("exposure", [1, 10, 50])
def test_the_cohorts_of_two_features_overlap_like_independent_ones(exposure: int) -> None:
    cohorts = {name: {each for each in CUSTOMERS if bucket(name, each) < exposure} for name in FEATURES}
    share = (exposure / 100) ** 2
    expected = len(CUSTOMERS) * share
    deviation = (expected * (1 - share)) ** 0.5

    for one, other in combinations(FEATURES, 2):
        assert abs(len(cohorts[one] & cohorts[other]) - expected) < 5 * deviation


def test_a_lone_surrogate_is_an_error_and_not_a_crash() -> None:
    with pytest.raises(UnicodeEncodeError):
        bucket("checkout", "\ud800")
