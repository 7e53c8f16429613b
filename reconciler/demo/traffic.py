"""Customers who ask for a feature all the time, and a bug that some of those who have it run into."""

from __future__ import annotations

import threading
import zlib

from reconciler.client import RolloutClient

CUSTOMERS = 2_000
_AT_A_TIME = 100
_PAUSE = 0.05  # seconds: everybody asks once a second
_UNLUCKY = 4  # each fourth runs into the bug


class Traffic:
    """Asks through the client of applications, as a shop would, in a thread of its own."""

    def __init__(self, client: RolloutClient, feature: str) -> None:
        self._client = client
        self._feature = feature
        self._customers = [f"customer-{number}" for number in range(CUSTOMERS)]
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="traffic", daemon=True)
        self.has_bug = False

    def start(self) -> None:
        """Begin to ask."""
        self._thread.start()

    def stop(self) -> None:
        """Ask no more."""
        self._over.set()
        self._thread.join(5)

    def customers_with_it(self) -> int:
        """Return how many have the feature at this moment; nobody is reported by that."""
        return sum(1 for each in self._customers if self._client.explain(self._feature, each).is_enabled)

    def _run(self) -> None:
        at = 0
        while not self._over.wait(_PAUSE):
            for customer in self._customers[at : at + _AT_A_TIME]:
                is_on = self._client.is_enabled(self._feature, customer)
                if is_on and self.has_bug and zlib.crc32(customer.encode()) % _UNLUCKY == 0:
                    self._client.record_error(self._feature, customer, {"error": "PaymentDeclined"})
            at = (at + _AT_A_TIME) % CUSTOMERS
