"""For applications: who has a feature, answered from memory, and what happened, told in the background.

>>> with RolloutClient("postgresql://app@db.example.com/rollouts") as rollouts:
...     if rollouts.is_enabled("one_page_checkout", customer):
...         ...
"""

from reconciler.client.client import Health, RolloutClient
from reconciler.client.recorder import Counts
from reconciler.client.reports import CustomerEvent
from reconciler.domain.analysis import Verdict
from reconciler.domain.statistics import Statistics
from reconciler.errors import DatabaseDeniedError, DatabaseUnavailableError, UsageError
from reconciler.evaluation.evaluator import Evaluation, Reason

__all__ = [
    "Counts",
    "CustomerEvent",
    "DatabaseDeniedError",
    "DatabaseUnavailableError",
    "Evaluation",
    "Health",
    "Reason",
    "RolloutClient",
    "Statistics",
    "UsageError",
    "Verdict",
]
