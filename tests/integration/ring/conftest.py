"""Rings that are laid once for the tests of a module."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from reconciler.store.embedded import EmbeddedServer
from tests.builders.crash_table import LIVE
from tests.builders.crashes import nothing
from tests.builders.laid import CopyOf, Features, Laid, Lay, a_copy, lay
from tests.builders.ring import Ring


@pytest.fixture(scope="module")
def laid(tmp_path_factory: pytest.TempPathFactory, server: EmbeddedServer, template: str) -> Iterator[Lay]:
    """Lay a ring when the first test asks for it, and return the same one to all the others."""
    known: dict[Callable[[Ring], None], Laid] = {}
    with ExitStack() as stack:

        def once(features: Features, act: Callable[[Ring], None]) -> Laid:
            if act not in known:
                folder = tmp_path_factory.mktemp("laid")
                known[act] = stack.enter_context(lay(folder, server, template, features, act))
            return known[act]

        yield once


@pytest.fixture
def copy_of(tmp_path: Path, server: EmbeddedServer) -> CopyOf:
    """Copy a ring that was laid, with a database of its own."""
    return lambda laid: a_copy(laid, tmp_path, server)


@pytest.fixture
def ring(laid: Lay, copy_of: CopyOf) -> Iterator[Ring]:
    """A ring with `checkout` at tier 1, applied."""
    with copy_of(laid(LIVE, nothing)) as ring:
        yield ring


@pytest.fixture
def off(laid: Lay, copy_of: CopyOf) -> Iterator[Ring]:
    """The same, with `checkout` rolled back by a person, of which git isn't told yet."""
    with copy_of(laid(LIVE, rolled_back)) as ring:
        yield ring


def rolled_back(ring: Ring) -> None:
    """Roll `checkout` back."""
    ring.roll_back("checkout")
