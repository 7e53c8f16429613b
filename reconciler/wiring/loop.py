"""The loop of the settings: who watches, who ticks, and what wakes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import uuid4

from reconciler.errors import RepositoryError
from reconciler.reconcile.facts import Fact, Tell
from reconciler.reconcile.loop import Loop, Wake
from reconciler.reconcile.tick import Tick, Ticker, Worker
from reconciler.reconcile.watch import Watch
from reconciler.settings import Settings, normal_root
from reconciler.store.connection import connect, hasty
from reconciler.store.notices import ERRORS, Listener
from reconciler.store.postgres import PostgresStore
from reconciler.store.rollouts import CHANNEL
from reconciler.wiring.propose import proposals
from reconciler.wiring.remote import LocalSource, RemoteSource, opened_source, write_backs

_COUNTED_WITHIN = 10  # seconds
_SILENCE = 13.0  # seconds, a little longer


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How often the loop looks by itself, under the notifications that wake it."""

    watch_every: timedelta = timedelta(seconds=10)
    tick_every: timedelta = timedelta(seconds=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hands:
    """What the caller gives: whom to tell, what time it is, and how to wait (and whether to give up after that).

    `begun` is called with where definitions come from, once that is open.
    """

    tell: Tell
    clock: Callable[[], datetime]
    wait: Callable[[float], bool]
    begun: Callable[[LocalSource | RemoteSource], None] = lambda _source: None


@dataclass(slots=True, kw_only=True)
class LateTicker:
    """Ticks once the clone of the remote can be opened, and tries that again with each pass.

    A disk that is full keeps nobody from watching meanwhile.
    """

    tell: Tell
    opened: Callable[[], AbstractContextManager[Ticker]]
    _stack: ExitStack = field(default_factory=ExitStack)
    _ticker: Ticker | None = None

    def open(self) -> Ticker:
        """Open what isn't open yet; RepositoryError when that fails."""
        if self._ticker is None:
            self._ticker = self._stack.enter_context(self.opened())
        return self._ticker

    def tick(self) -> Tick:
        """Make one pass."""
        try:
            ticker = self.open()
        except RepositoryError as error:
            self.tell(Fact(name="git-failed", is_alarm=True, fields={"error": str(error)}))
            return Tick(failures=(str(error),))
        return ticker.tick()

    def close(self) -> None:
        """Close what was opened."""
        self._stack.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Crew:
    """Who watches and who ticks, each over a connection of its own."""

    watch: Watch
    ticker: LateTicker
    dsn: str
    failing: Callable[[timedelta], Sequence[str]]


@contextmanager
def opened_crew(
    settings: Settings,
    dsn: str,
    environment: Mapping[str, str],
    hands: Hands,
    *,
    proposes: bool = False,
) -> Iterator[Crew]:
    """Open the repository or the remote's clone, and the database twice; who `proposes` needs a remote.

    A repository that can't be opened is an error; the clone of a remote is opened later when it can't be now.
    """
    with (
        closing(PostgresStore.at(hasty(dsn, _COUNTED_WITHIN), silence=_SILENCE)) as watching,
        closing(PostgresStore.at(dsn)) as ticking,
    ):

        @contextmanager
        def opened() -> Iterator[Ticker]:
            with opened_source(settings, environment) as source:
                hands.begun(source)
                workers = _workers(settings, source, ticking, hands, proposes=proposes)
                yield _ticker(settings, source, ticking, hands, workers)

        with closing(LateTicker(tell=hands.tell, opened=opened)) as ticker:
            try:
                ticker.open()
            except RepositoryError:
                if settings.remote is None:
                    raise
            watch = Watch(store=watching, new_id=uuid4, tell=hands.tell)
            yield Crew(watch=watch, ticker=ticker, dsn=dsn, failing=watching.failing)


def loop_of(crew: Crew, pace: Pace, tell: Tell, changes: Wake, errors: Wake | None = None) -> Loop:
    """Return the loop that a crew runs; `changes` wakes who ticks, and `errors` who watches."""
    return Loop(
        look=crew.watch.look,
        failing=crew.failing,
        tick=crew.ticker.tick,
        tell=tell,
        watch_every=pace.watch_every,
        tick_every=pace.tick_every,
        errors=errors or Wake(),
        changes=changes,
    )


@contextmanager
def woken(loop: Loop, dsn: str) -> Iterator[None]:
    """Wake a loop by what the database announces, for as long as the block lasts."""
    listener = Listener(lambda: connect(dsn), {ERRORS: loop.errors.call, CHANNEL: loop.changes.call})
    listener.start()
    try:
        yield
    finally:
        listener.stop()


def _workers(
    settings: Settings, source: LocalSource | RemoteSource, store: PostgresStore, hands: Hands, *, proposes: bool
) -> tuple[Worker, ...]:
    if not isinstance(source, RemoteSource):
        return ()
    telling = write_backs(settings, source.clone, store, tell=hands.tell, wait=hands.wait)
    if not proposes:
        return (telling,)
    asking = proposals(settings, source.clone, store, clock=hands.clock, tell=hands.tell, wait=hands.wait)
    return telling, asking


def _ticker(
    settings: Settings,
    source: LocalSource | RemoteSource,
    store: PostgresStore,
    hands: Hands,
    workers: tuple[Worker, ...],
) -> Ticker:
    return Ticker(
        store=store,
        keeper=store,
        source=source,
        root=normal_root(settings.root),
        actor=settings.actor,
        clock=hands.clock,
        new_id=uuid4,
        tell=hands.tell,
        workers=workers,
    )
