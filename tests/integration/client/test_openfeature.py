"""The SDK of OpenFeature asks our provider, which answers from a real database."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Mapping
from queue import Queue
from typing import Any

import pytest
from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.evaluation_context import EvaluationContext
from openfeature.event import EventDetails, ProviderEvent
from openfeature.exception import ErrorCode, ProviderNotReadyError
from openfeature.flag_evaluation import FlagEvaluationDetails, Reason
from openfeature.provider import ProviderStatus
from openfeature.provider.no_op_provider import NoOpProvider
from openfeature.track import TrackingEventDetails

from reconciler.client import UsageError
from reconciler.client.openfeature import RolloutProvider
from tests.builders.clients import ROLE, a_client, asked, cut_off, let_in, run_script, stored, until
from tests.builders.database import Database
from tests.builders.scene import Scene, a_scene

INSIDE, OUTSIDE = "customer-365", "customer-0"  # the buckets 0 and 93


@pytest.fixture(autouse=True)
def sdk(database: Database) -> Iterator[None]:
    """Leave no provider, handler or context to the next test; providers are shut down while there is a database."""
    yield
    api.shutdown()


@pytest.fixture
def scene(database: Database) -> Iterator[Scene]:
    """`checkout` is on for one customer in a hundred and for `vip`, never for `troll`."""
    with a_scene(database) as scene:
        scene.commit({"checkout": {"tier": 1, "whitelist": ["vip"], "blacklist": ["troll"]}})
        scene.apply()
        yield scene


@pytest.fixture
def shop(scene: Scene, database: Database) -> OpenFeatureClient:
    """A client of the SDK, with our provider in place."""
    api.set_provider_and_wait(a_provider(database))
    return api.get_client()


def a_provider(database: Database, **named: Any) -> RolloutProvider:
    return RolloutProvider(database.dsn_for(ROLE), **{"handle_sigterm": False, **named})


def heard(event: ProviderEvent, client: OpenFeatureClient | None = None) -> Queue[EventDetails]:
    """Return what is told of an event from now on, and of a state that is so already."""
    told: Queue[EventDetails] = Queue()
    (client or api).add_handler(event, told.put)
    return told


def who(customer: Any, **attributes: Any) -> EvaluationContext:
    return EvaluationContext(targeting_key=customer, attributes=attributes)


def answer(
    shop: OpenFeatureClient, customer: Any, feature: str = "checkout", default: bool = False
) -> FlagEvaluationDetails[bool]:
    return shop.get_boolean_details(feature, default, who(customer))


def failure(details: FlagEvaluationDetails[Any]) -> tuple[Any, Any, str | None]:
    return details.value, details.error_code, details.error_message


@pytest.mark.parametrize(
    ("customer", "value", "reason", "metadata"),
    [
        pytest.param("vip", True, Reason.TARGETING_MATCH, {"reason": "whitelisted"}, id="whitelisted"),
        pytest.param("troll", False, Reason.TARGETING_MATCH, {"reason": "blacklisted"}, id="blacklisted"),
        pytest.param(INSIDE, True, Reason.SPLIT, {"reason": "bucket_inside", "bucket": 0}, id="inside"),
        pytest.param(OUTSIDE, False, Reason.SPLIT, {"reason": "bucket_outside", "bucket": 93}, id="outside"),
    ],
)
def test_each_answer_tells_why_and_where_it_is_from(
    scene: Scene, shop: OpenFeatureClient, customer: str, value: bool, reason: Reason, metadata: Mapping[str, Any]
) -> None:
    # A default of the other kind: it plays no part.
    assert answer(shop, customer, default=not value) == FlagEvaluationDetails(
        flag_key="checkout",
        value=value,
        variant="on" if value else "off",
        reason=reason,
        flag_metadata={"tier": 1, "attempt": 1, "commit": scene.commits.main, **metadata},
    )


def test_a_coroutine_gets_the_same_answer(shop: OpenFeatureClient) -> None:
    asynchronous = shop.get_boolean_details_async("checkout", False, who("vip"))

    assert asyncio.run(asynchronous) == answer(shop, "vip")


def test_the_context_of_the_application_names_the_customer_too(shop: OpenFeatureClient) -> None:
    api.set_evaluation_context(who("vip"))

    assert shop.get_boolean_value("checkout", False)


def test_a_rollback_is_heard_of_and_turns_the_feature_off(scene: Scene, shop: OpenFeatureClient) -> None:
    changes = heard(ProviderEvent.PROVIDER_CONFIGURATION_CHANGED)
    scene.roll_back("checkout")

    assert changes.get(timeout=10).flags_changed == ["checkout"]
    assert answer(shop, "vip", default=True) == FlagEvaluationDetails(
        flag_key="checkout",
        value=False,
        variant="off",
        reason=Reason.DISABLED,
        flag_metadata={"reason": "rolled_back", "tier": 0, "attempt": 1},
    )


def test_an_apply_is_heard_of_by_the_names_of_its_features(scene: Scene, shop: OpenFeatureClient) -> None:
    changes = heard(ProviderEvent.PROVIDER_CONFIGURATION_CHANGED)
    scene.commit({"search": {"tier": 1, "whitelist": ["vip"]}})
    scene.apply()

    change = changes.get(timeout=10)

    assert (change.flags_changed, change.provider_name) == (["search"], "rollout-reconciler")
    assert answer(shop, "vip", "search").value


def test_an_unknown_feature_is_not_found(shop: OpenFeatureClient) -> None:
    message = "feature 'nothing' is unknown; is its definition applied?"

    assert failure(answer(shop, "vip", "nothing", default=True)) == (True, ErrorCode.FLAG_NOT_FOUND, message)


@pytest.mark.parametrize("context", [None, who(None, email="ada@example.com"), who("")])
def test_without_a_customer_there_is_no_answer(shop: OpenFeatureClient, context: EvaluationContext | None) -> None:
    message = "a rollout is for customers; pass the customer's id as targeting_key"

    details = shop.get_boolean_details("checkout", True, context)

    assert failure(details) == (True, ErrorCode.TARGETING_KEY_MISSING, message)


@pytest.mark.parametrize(
    ("customer", "message"),
    [
        pytest.param(42, "a customer id is text, not int; pass str(...)", id="number"),
        pytest.param("x" * 257, "the customer id has 257 bytes, the limit is 256", id="long"),
        pytest.param("a\0b", "customer id 'a\\x00b' holds a NUL", id="NUL"),
    ],
)
def test_what_is_no_customer_id_is_refused(shop: OpenFeatureClient, customer: Any, message: str) -> None:
    value, code, told = failure(answer(shop, customer, default=True))

    assert (value, code) == (True, ErrorCode.INVALID_CONTEXT)
    assert (told or "").startswith(message)


def test_other_types_than_booleans_are_refused(shop: OpenFeatureClient) -> None:
    mistyped = ErrorCode.TYPE_MISMATCH, "'checkout' is a rollout, and rollouts are booleans; get its boolean value"
    ada = who("ada")

    assert failure(shop.get_string_details("checkout", "red", ada)) == ("red", *mistyped)
    assert failure(shop.get_integer_details("checkout", 7, ada)) == (7, *mistyped)
    assert failure(shop.get_float_details("checkout", 0.5, ada)) == (0.5, *mistyped)
    assert failure(shop.get_object_details("checkout", {"a": 1}, ada)) == ({"a": 1}, *mistyped)


def test_an_unknown_feature_of_another_type_may_be_another_providers(shop: OpenFeatureClient) -> None:
    assert shop.get_string_details("colour", "red", who("ada")).error_code is ErrorCode.FLAG_NOT_FOUND


def test_who_was_asked_for_is_stored_at_shutdown(shop: OpenFeatureClient, database: Database) -> None:
    for customer in ("vip", "vip", OUTSIDE):
        answer(shop, customer)

    api.shutdown()

    assert stored(database) == [("checkout", OUTSIDE, "disabled", False), ("checkout", "vip", "enabled", True)]


@pytest.mark.parametrize(
    "attributes", [{"feature": "checkout", "page": 3}, {"page": 3}], ids=["details", "context"]
)
def test_a_tracked_error_is_stored(shop: OpenFeatureClient, database: Database, attributes: dict[str, Any]) -> None:
    shop.track("error", who("vip", feature="checkout", plan="gold"), TrackingEventDetails(1.5, attributes))
    shop.track("error", who(OUTSIDE, feature="checkout"))

    api.shutdown()

    assert asked(database, "feature_name, event, customer_id, is_enabled, metadata", "customer_id") == [
        ("checkout", "error", OUTSIDE, False, {}),
        ("checkout", "error", "vip", True, {"page": 3, "value": 1.5}),
    ]


def test_what_can_not_be_tracked_is_logged_once_for_each_cause(
    shop: OpenFeatureClient, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger="reconciler.client"):
        for _ in range(2):
            shop.track("error")
            shop.track("error", who("vip", feature=["checkout"]))
            shop.track("error", who(None, feature="checkout"))
            shop.track("error", who("vip", feature="nothing"))
            shop.track("error", who("a\0b", feature="checkout"))
            shop.track("error", who("vip", feature="checkout"), TrackingEventDetails(float("nan")))
            shop.track("purchase", who("vip"))

    reasons = [vars(record)["reason"] for record in caplog.records]
    starts = ["no feature is", "no customer is", "feature 'nothing' is", "customer id 'a", "metadata is no JSON"]
    assert len(reasons) == len(starts)
    assert all(reason.startswith(start) for reason, start in zip(reasons, starts, strict=True))
    api.shutdown()
    assert stored(database) == []


def test_a_hundred_causes_are_logged_and_no_more(shop: OpenFeatureClient, caplog: pytest.LogCaptureFixture) -> None:
    for number in range(150):
        shop.track("error", who("vip", feature=f"nothing-{number}"))

    assert len(caplog.records) == 100


def test_without_the_database_the_last_answers_stay_and_tell_their_age(
    shop: OpenFeatureClient, database: Database
) -> None:
    stale, ready = heard(ProviderEvent.PROVIDER_STALE), heard(ProviderEvent.PROVIDER_READY)
    ready.get(timeout=10)
    cut_off(database, refuse=True)

    assert stale.get(timeout=10).message
    assert shop.get_provider_status() is ProviderStatus.STALE
    details = answer(shop, "vip")
    assert (details.value, details.reason) == (True, Reason.TARGETING_MATCH)
    age = details.flag_metadata["age"]
    assert isinstance(age, float)
    assert 0 < age < 10

    let_in(database)
    ready.get(timeout=10)
    assert shop.get_provider_status() is ProviderStatus.READY
    assert "age" not in answer(shop, "vip").flag_metadata
    assert stale.empty(), "one outage is told of once"


def test_without_a_database_from_the_start_it_is_in_error_until_there_is_one(
    scene: Scene, database: Database
) -> None:
    failed, ready = heard(ProviderEvent.PROVIDER_ERROR), heard(ProviderEvent.PROVIDER_READY)
    changes = heard(ProviderEvent.PROVIDER_CONFIGURATION_CHANGED)
    ready.get(timeout=10)  # the provider that does nothing
    cut_off(database, refuse=True)
    shop = api.get_client()
    with pytest.raises(ProviderNotReadyError, match=r"no rollouts after 0\.1 s: the database can't be reached"):
        api.set_provider_and_wait(a_provider(database, patience=0.1))

    assert failed.get(timeout=10).error_code is ErrorCode.PROVIDER_NOT_READY
    assert shop.get_provider_status() is ProviderStatus.ERROR
    not_ready = ErrorCode.PROVIDER_NOT_READY, "no rollouts could be read yet"
    assert failure(answer(shop, "vip", default=True)) == (True, *not_ready)
    assert failure(shop.get_string_details("checkout", "red", who("vip"))) == ("red", *not_ready)
    shop.track("error", who("vip", feature="checkout"))

    let_in(database)
    ready.get(timeout=10)
    assert shop.get_provider_status() is ProviderStatus.READY
    assert changes.get(timeout=10).flags_changed == ["checkout"]
    assert answer(shop, "vip").value


def test_a_client_of_a_domain_is_answered_and_told_apart(scene: Scene, database: Database) -> None:
    provider = a_provider(database)
    api.set_provider_and_wait(provider, domain="shop")
    api.set_provider_and_wait(provider, domain="till")
    shop, elsewhere = api.get_client("shop"), api.get_client("elsewhere")
    changes = heard(ProviderEvent.PROVIDER_CONFIGURATION_CHANGED, shop)
    changes_elsewhere = heard(ProviderEvent.PROVIDER_CONFIGURATION_CHANGED, elsewhere)

    api.set_provider_and_wait(NoOpProvider(), domain="till")  # which leaves the provider in use
    assert answer(shop, "vip").value
    assert answer(elsewhere, "vip").reason is Reason.DEFAULT
    scene.roll_back("checkout")

    assert changes.get(timeout=10).flags_changed == ["checkout"]
    assert changes_elsewhere.empty()


def test_a_client_that_was_passed_stays_open(scene: Scene, database: Database) -> None:
    with a_client(database) as rollouts:
        api.set_provider_and_wait(RolloutProvider(rollouts))
        assert answer(api.get_client(), "vip").value

        api.shutdown()

        scene.roll_back("checkout")
        until(lambda: not rollouts.is_enabled("checkout", "vip"))
        assert stored(database, rollouts)[0] == ("checkout", "vip", "disabled", False)


def test_a_provider_that_was_shut_down_can_be_set_again(scene: Scene, database: Database) -> None:
    provider = a_provider(database)
    for _ in range(2):
        api.set_provider_and_wait(provider)
        assert answer(api.get_client(), "vip").value
        api.shutdown()
    api.set_provider_and_wait(provider)
    scene.roll_back("checkout")

    until(lambda: not answer(api.get_client(), "vip").value)


def test_a_client_that_lost_the_database_before_is_told_to_be_stale(scene: Scene, database: Database) -> None:
    with a_client(database) as rollouts:
        cut_off(database, refuse=True)
        until(lambda: not rollouts.health().is_connected)
        stale = heard(ProviderEvent.PROVIDER_STALE)
        api.set_provider_and_wait(RolloutProvider(rollouts))

        assert stale.get(timeout=10).message
        let_in(database)


def test_options_beside_an_open_client_are_refused(database: Database) -> None:
    with a_client(database) as rollouts, pytest.raises(UsageError, match="pass poll, capacity where it is opened"):
        RolloutProvider(rollouts, poll=5, capacity=10)


def test_a_wrong_option_is_told_where_it_stands(database: Database) -> None:
    with pytest.raises(UsageError, match="poll is 0 s"):
        a_provider(database, poll=0)


def test_who_does_not_ask_by_openfeature_needs_no_sdk() -> None:
    script = "import sys; sys.modules['openfeature'] = None; import reconciler.client"

    assert run_script(script).communicate(timeout=30) == ("", "")


def test_a_missing_sdk_is_named_with_its_remedy() -> None:
    script = "import sys; sys.modules['openfeature'] = None; import reconciler.client.openfeature"

    _, told = run_script(script).communicate(timeout=30)

    assert told.splitlines()[-1].startswith("ImportError: the OpenFeature SDK is missing or too old")
    assert "pip install 'rollout-reconciler[openfeature]'" in told
