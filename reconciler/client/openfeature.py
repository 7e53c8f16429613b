"""Rollouts for applications that ask by OpenFeature; needs `pip install 'rollout-reconciler[openfeature]'`.

>>> api.set_provider_and_wait(RolloutProvider("postgresql://app@db.example.com/rollouts"))
>>> customer = EvaluationContext(targeting_key="customer-7")
>>> api.get_client().get_boolean_value("one_page_checkout", False, customer)
"""

# ruff: noqa: ARG002 - the methods have the arguments that the SDK passes

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any, TypedDict, Unpack

from reconciler.client.client import RolloutClient
from reconciler.errors import UsageError
from reconciler.evaluation.evaluator import Evaluation, Reason
from reconciler.evaluation.snapshot import Rollout

try:
    from openfeature.evaluation_context import EvaluationContext
    from openfeature.event import ProviderEventDetails
    from openfeature.exception import (
        FlagNotFoundError,
        InvalidContextError,
        OpenFeatureError,
        ProviderNotReadyError,
        TargetingKeyMissingError,
        TypeMismatchError,
    )
    from openfeature.flag_evaluation import FlagResolutionDetails, FlagValueType
    from openfeature.flag_evaluation import Reason as Standard
    from openfeature.provider import AbstractProvider, Metadata, ProviderStatus
    from openfeature.track import TrackingEventDetails
except ImportError as error:
    advice = "pip install 'rollout-reconciler[openfeature]'"
    raise ImportError(f"the OpenFeature SDK is missing or too old ({error}); {advice}") from error

_STANDARD = {
    Reason.BLACKLISTED: Standard.TARGETING_MATCH,
    Reason.WHITELISTED: Standard.TARGETING_MATCH,
    Reason.ROLLED_BACK: Standard.DISABLED,
    Reason.BUCKET_INSIDE: Standard.SPLIT,
    Reason.BUCKET_OUTSIDE: Standard.SPLIT,
}
_MOST_WARNINGS = 100

logger = logging.getLogger("reconciler.client")


class ClientOptions(TypedDict, total=False):
    """What a `RolloutClient` takes beside its address and its patience."""

    record_exposures: bool
    poll: float
    capacity: int
    handle_sigterm: bool


class RolloutProvider(AbstractProvider):
    """Answers questions about booleans from the memory of a `RolloutClient`; the targeting key is the customer.

    Whoever opens a client closes it: one that is opened here, for a connection string and options, stores what
    waits and ends when the provider is shut down; one that was passed stays open. `patience` are the seconds to
    wait for the first rollouts before the provider is in error; it goes on trying, and is ready when they come.

    A feature that was rolled back is off, whatever the default. The tracking event `error` reports an error of the
    feature that its attribute `feature` names; its other attributes are the metadata.
    """

    def __init__(
        self, client: RolloutClient | str, *, patience: float = 5.0, **options: Unpack[ClientOptions]
    ) -> None:
        super().__init__()
        self._open: Callable[[], RolloutClient] | None = None
        # What the SDK was told last; None while it wants to hear nothing.
        self._told: ProviderStatus | None = None
        self._patience = patience
        self._warned: set[str] = set()
        if isinstance(client, str):
            # Opened here and not in `initialize`, which may run on a thread that can't handle signals.
            self._open = partial(RolloutClient, client, patience=0, **options)
            client = self._open()
        elif options:
            raise UsageError(f"the client is open already; pass {', '.join(options)} where it is opened")
        self._use(client)

    def get_metadata(self) -> Metadata:
        """Return the name of this provider."""
        return Metadata(name="rollout-reconciler")

    def initialize(self, evaluation_context: EvaluationContext) -> None:
        """Wait for the first rollouts; ProviderNotReadyError says why there are none."""
        if self._is_closed and self._open is not None:
            self._use(self._open())
        if not self._client.wait_until_ready(self._patience):
            self._told = ProviderStatus.ERROR
            reason = self._client.health().last_error or "the database has not answered yet"
            raise ProviderNotReadyError(f"no rollouts after {self._patience:g} s: {reason}")
        self._told = ProviderStatus.READY

    def shutdown(self) -> None:
        """Tell the SDK nothing more, and close the client if it was opened here."""
        self._told = None
        if self._open is not None:
            self._is_closed = True
            self._client.close()

    def resolve_boolean_details(
        self, flag_key: str, default_value: bool, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[bool]:
        """Tell whether the customer has the feature, and why; the customer is counted as asked for."""
        customer = evaluation_context.targeting_key if evaluation_context is not None else None
        if customer is None or customer == "":
            raise TargetingKeyMissingError("a rollout is for customers; pass the customer's id as targeting_key")
        try:
            answer = self._client.evaluate(flag_key, customer, default_value)
        except UsageError as error:
            raise InvalidContextError(str(error)) from error
        if answer.rollout is None:
            raise self._unknown(flag_key)
        return FlagResolutionDetails(
            value=answer.is_enabled,
            reason=_STANDARD[answer.reason],
            variant="on" if answer.is_enabled else "off",
            flag_metadata=self._metadata_of(answer, answer.rollout),
        )

    def resolve_string_details(
        self, flag_key: str, default_value: str, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[str]:
        """Refuse: rollouts are booleans."""
        raise self._mistyped(flag_key)

    def resolve_integer_details(
        self, flag_key: str, default_value: int, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[int]:
        """Refuse: rollouts are booleans."""
        raise self._mistyped(flag_key)

    def resolve_float_details(
        self, flag_key: str, default_value: float, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[float]:
        """Refuse: rollouts are booleans."""
        raise self._mistyped(flag_key)

    def resolve_object_details(
        self,
        flag_key: str,
        default_value: Sequence[FlagValueType] | Mapping[str, FlagValueType],
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[Sequence[FlagValueType] | Mapping[str, FlagValueType]]:
        """Refuse: rollouts are booleans."""
        raise self._mistyped(flag_key)

    def track(
        self,
        tracking_event_name: str,
        evaluation_context: EvaluationContext | None = None,
        tracking_event_details: TrackingEventDetails | None = None,
    ) -> None:
        """Report an `error` of a feature for the customer; why one can't be reported is logged once."""
        if tracking_event_name != "error":
            return
        context = evaluation_context or EvaluationContext()
        details = tracking_event_details or TrackingEventDetails()
        metadata: dict[str, Any] = dict(details.attributes)
        if details.value is not None:
            metadata.setdefault("value", details.value)
        feature = metadata.pop("feature", context.attributes.get("feature"))
        if not isinstance(feature, str):
            self._warn("no feature is named; pass its name as attribute `feature`")
        elif not context.targeting_key:
            self._warn("no customer is named; pass the id as targeting_key")
        else:
            self._record_error(feature, context.targeting_key, metadata)

    def _use(self, client: RolloutClient) -> None:
        self._client = client
        self._is_closed = False
        client.on_change(self._changed)
        client.on_connection(self._looked)

    def _changed(self, features: Collection[str]) -> None:
        if self._told is not None:
            self.emit_provider_configuration_changed(ProviderEventDetails(flags_changed=sorted(features)))

    def _looked(self, is_connected: bool) -> None:
        """Tell where the SDK stands when that is news: out of date, or ready (again)."""
        if is_connected and self._told in {ProviderStatus.STALE, ProviderStatus.ERROR}:
            self._told = ProviderStatus.READY
            self.emit_provider_ready(ProviderEventDetails())
        elif not is_connected and self._told is ProviderStatus.READY:
            self._told = ProviderStatus.STALE
            self.emit_provider_stale(ProviderEventDetails(message=self._client.health().last_error))

    def _metadata_of(self, answer: Evaluation, rollout: Rollout) -> dict[str, int | float | str]:
        metadata: dict[str, int | float | str] = {
            "reason": answer.reason.value,
            "tier": rollout.tier,
            "attempt": rollout.attempt,
        }
        if rollout.revision is not None:
            metadata["commit"] = rollout.revision
        if answer.bucket is not None:
            metadata["bucket"] = answer.bucket
        if self._told is ProviderStatus.STALE and (age := self._client.health().age) is not None:
            metadata["age"] = round(age, 3)
        return metadata

    def _unknown(self, feature: str) -> OpenFeatureError:
        if not self._client.wait_until_ready(0):
            return ProviderNotReadyError("no rollouts could be read yet")
        return FlagNotFoundError(f"feature {feature!r} is unknown; is its definition applied?")

    def _mistyped(self, feature: str) -> OpenFeatureError:
        # What is not ours may be another provider's, and of any type.
        if self._client.explain(feature, "anybody").rollout is None:
            return self._unknown(feature)
        return TypeMismatchError(f"{feature!r} is a rollout, and rollouts are booleans; get its boolean value")

    def _record_error(self, feature: str, customer: str, metadata: Mapping[str, Any]) -> None:
        try:
            self._client.record_error(feature, customer, metadata)
        except UsageError as error:
            self._warn(str(error))

    def _warn(self, reason: str) -> None:
        if reason not in self._warned and len(self._warned) < _MOST_WARNINGS:
            self._warned.add(reason)
            logger.warning("an error was not recorded: %s", reason, extra={"reason": reason})
