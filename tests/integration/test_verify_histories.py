"""Random histories, checked after each step: whatever the product does itself fits, and nobody cries wolf."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from psycopg.rows import dict_row

from reconciler.domain.record import Finding
from reconciler.reconcile.verify import Verifier
from reconciler.store.audit import read_records
from reconciler.store.embedded import EmbeddedServer
from tests.builders.auditing import DictatedArchive
from tests.builders.scene import ROOT
from tests.integration.test_random_histories import History


class Checked(History):
    """A history whose records are checked whenever something was applied."""

    def _apply(self, *arguments: Any, **named: Any) -> None:
        super()._apply(*arguments, **named)
        assert self._strange() == []

    def _strange(self) -> list[Finding]:
        commits, in_force = self.scene.commits, self.model.in_force
        if in_force is not None and in_force not in commits.ancestors(commits.main):
            return []  # history was rewritten, and nobody has said yet that it is meant
        with psycopg.connect(self.scene.admin.info.dsn, autocommit=True, row_factory=dict_row) as connection:
            records = read_records(connection)
        verification = Verifier(archive=DictatedArchive(commits), root=ROOT, branch="main").run(records)
        return list(verification.findings)


def _run(server: EmbeddedServer, template: str, *, examples: int, steps: int) -> None:
    machine: Any = lambda: Checked(server, template)  # noqa: E731 - it only looks like a class
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink),
        ),
    )


@pytest.mark.timeout(300)
def test_whatever_the_product_does_fits(server: EmbeddedServer, template: str) -> None:
    _run(server, template, examples=8, steps=15)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_whatever_the_product_does_fits_however_long_it_goes_on(server: EmbeddedServer, template: str) -> None:
    _run(server, template, examples=120, steps=40)
