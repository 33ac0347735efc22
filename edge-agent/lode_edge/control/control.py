"""Control at work: one task that takes commands, looks at the site, decides, keeps, and acts.

commands ─► gate ─► orders ─┐
readings, postures ─► site ─┼─► leases, rules, stop ─► ruling ─► reconciler ─► errands
answers of devices ─────────┘            all kept in one commit, before anything is sent ─┘
"""

import asyncio
import contextlib
import sqlite3
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import cast

import msgspec
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from lode_edge.clock import SYSTEM, Clock
from lode_edge.control import errands
from lode_edge.control.allowed import allowed_now
from lode_edge.control.book import Book, Named, own_id
from lode_edge.control.envelope import Envelope, EnvelopeFile
from lode_edge.control.errands import Answer, Errand
from lode_edge.control.gate import Gate, Refused
from lode_edge.control.now import Heard, Now
from lode_edge.control.offers import Offers
from lode_edge.control.orders import Orders
from lode_edge.control.reconcile import Reconciler
from lode_edge.control.rules import Rules
from lode_edge.control.site import Device, Site
from lode_edge.control.stop import Stop, StopFile
from lode_edge.control.store import Store, StoreError
from lode_edge.control.tasks import Tasks
from lode_edge.control.telling import Spooled, Telling
from lode_edge.control.wholes import Wholes
from lode_edge.control.wishes import ruling
from lode_edge.drivers.driver import Facts
from lode_wire.orders import Reason, Sleep
from lode_wire.records import Record, RigReading, Stage, State

AT_ONCE, AT_ONCE_STOPPED = 160, 256  # devices that something is under way with
_GROUP_S = 0.1  # between two steps, however much happens
_INBOX = 64  # commands that wait; what comes beyond is sent again by the hub
_UNKNOWN_PER_MIN = 60  # refusals of what nobody has vouched for, written down

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where control is at home: its agent, files, keys and limits."""

    agent: str
    directory: Path
    envelope: Envelope
    keys: Mapping[str, Ed25519PublicKey]
    blocked: str = ""  # why the agent only reads
    envelope_file: EnvelopeFile | None = None  # where another envelope may be laid
    interval_s: float = 2.0


class Control:
    """Everything of an agent that acts. `take` may be called from any thread; the rest from one."""

    def __init__(
        self,
        place: Place,
        devices: Sequence[Device],
        spool: Spooled,
        *,
        heard: Callable[[], Heard] = Heard,
        clock: Clock = SYSTEM,
    ) -> None:
        self._place, self._spool = place, spool
        self._now = Now(clock, heard)
        self.site = Site(devices, place.envelope, place.blocked)
        self._stop_file = StopFile(place.directory)
        self._inbox: deque[bytes] = deque()
        self._answers: deque[Answer] = deque()
        self._running: set[asyncio.Task[None]] = set()
        self._stirred = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self.offers = Offers(self.site)
        self.on_change: list[Callable[[str], None]] = []  # called with a device that is another now
        self._others: dict[str, str] = {}  # devices in whose place another answers, and who
        self._others_untold: set[str] = set()
        self._strangers: deque[float] = deque(maxlen=_UNKNOWN_PER_MIN)
        self._store: Store | None = None
        self._holds_asleep: Callable[[str], bool] = lambda _: False  # until the book is open
        self._trouble = ""
        self._look_s = 0.0  # when the whole site is looked at again

    def take(self, payload: bytes) -> None:
        """Take a command as it came."""
        if len(self._inbox) < _INBOX:
            self._inbox.append(payload)
            self._stir()

    def observe(self, records: Sequence[Record]) -> Sequence[Record]:
        """Take in what devices have said; give it as it is told: curtailed is who sleeps by us."""
        self.site.observe(records, self._now.wall_ms, self._now.s)
        return [self._told(record) for record in records]

    def learned(self, name: str, facts: Facts, other: str = "") -> None:
        """Take in what a device says it is; `other` says who it is that answers in its place."""
        device = self.site.devices.get(name)
        if device is None:
            return
        device.facts = facts
        self.offers.is_due(device)
        if other != self._others.get(name, ""):
            self._others[name] = other
            self._others_untold.add(name)

    def _told(self, record: Record) -> Record:
        if not isinstance(record, RigReading) or record.state is not State.SLEEPING:
            return record
        name = self.site.name_of(record.rig)
        is_ours = name is not None and self._holds_asleep(name)
        return msgspec.structs.replace(record, state=State.CURTAILED) if is_ours else record

    async def run(self) -> None:
        """Work until cancelled; then let what is under way end."""
        self._loop = asyncio.get_running_loop()
        try:
            while True:
                await self._step_safely()
                await self._wait()
        finally:
            for task in self._running:
                task.cancel()
            await asyncio.gather(*self._running, return_exceptions=True)
            self._close()

    async def _step(self) -> None:
        """Take in all that has happened, decide, keep it, and send.

        Raises:
            StoreError: the disk takes nothing; nothing was sent.
        """
        store = self._store = self._store or self._opened()
        store.begin()
        self._telling.take_in()
        while self._answers:
            self._take_answer(self._answers.popleft())
        while self._inbox:
            self._take_command(self._inbox.popleft())
            self._look_s = 0.0  # what it wishes is looked at now
        due = self._decide()
        if store.is_changed:
            await asyncio.to_thread(store.commit)
        else:
            store.commit()
        self._send(due)
        self._telling.send(self._stir)
        news = self.offers.news(self._book, self._now.wall_ms, self._now.s)
        if news:
            self._spool.put(news)

    def _opened(self) -> Store:
        """Open the store and take up what was under way."""
        place = self._place
        store = Store(place.directory, place.agent, self._now.ms)
        self._book = Book(store, self._now)
        self._holds_asleep = self._book.holds_asleep
        self._gate = Gate(place.agent, place.keys, self._book, self._now)
        self._orders = Orders(self._book, self.site, self._stop_file, self._now)
        self._reconciler = Reconciler(self._book, self.site, self._now)
        self._rules = Rules(self._book, self.site, self._reconciler.stages.charges, self._now)
        self._wholes = Wholes(self._book, self.site, self._now)
        stages = self._reconciler.stages
        self._tasks = Tasks(self._book, self.site, self._orders, stages, self._now, self._changed)
        self._telling = Telling(self._book, self._spool, self._now)
        if store.was_broken:
            store.begin()
            words = f"the store broke and began anew, and wakes nothing today: {store.was_broken}"
            self._book.note(Named(own_id("store")), Stage.FAILED, words)
        return store

    def _close(self) -> None:
        if self._store is not None:
            self._store.close()
        self._store = None

    async def _step_safely(self) -> None:
        try:
            await self._step()
        except (StoreError, sqlite3.Error) as error:
            if str(error) != self._trouble:
                log.warning("control keeps nothing and sends nothing", reason=str(error))
            self._give_up(error)
        except Exception as error:
            # The supervisor's catch: what goes wrong here must not stop the reading.
            if str(error) != self._trouble:
                log.exception("control failed; it begins anew from what it has kept")
            self._give_up(error)
        else:
            self._trouble = ""

    def _give_up(self, error: Exception) -> None:
        """Go back to what is kept: the next step begins as after a restart."""
        self._trouble = str(error)
        self._close()
        self._stop_without_store()

    def _stop_without_store(self) -> None:
        """Put rigs to sleep although it cannot be written down: a stop waits for no disk."""
        if self.site.blocked or self._stop_file.read() is None:
            return
        places = AT_ONCE_STOPPED - len(self._running)
        awake = [
            device
            for device in self.site.devices.values()
            if device.is_rig and not device.is_busy and device.is_asleep(self._now.s) is not True
        ]
        self._send([Errand(device, Sleep()) for device in awake if device.hands][:places])

    def _decide(self) -> Sequence[Errand]:
        """Give what is to be sent; an agent that only reads asks questions and no more."""
        self._take_envelope()
        self._tell_others()
        stop = self._stop_file.read()
        places = (AT_ONCE if stop is None else AT_ONCE_STOPPED) - len(self._running)
        due = [] if self.site.blocked else self._wished(stop, places)
        taken = {errand.device.name for errand in due if errand.device is not None}
        due += self._tasks.step(taken, places - len(due))
        taken |= {errand.device.name for errand in due if errand.device is not None}
        asked = self.offers.due(self._now.s, places - len(due), taken)
        return [*due, *(Errand(device, kind="offers") for device in asked)]

    def _wished(self, stop: Stop | None, places: int) -> list[Errand]:
        """Give what courses need: of all now and then, in between of those that are under way."""
        if self._now.s >= self._look_s:
            self._look_s = self._now.s + self._place.interval_s
            self._look_at_site(stop)
        return list(self._reconciler.step(places))

    def _look_at_site(self, stop: Stop | None) -> None:
        self._gate.keep_house()
        self._wholes.end_what_is_over()
        self._wholes.follow_stop(stop)
        self._rules.look()
        book, now = self._book, self._now
        allow = partial(allowed_now, self.site)
        leases = book.leases.all.values()
        rules = ruling(leases, book.plan, now.ms, self.site.expected_w, allow)
        self._reconciler.follow(rules)
        self._wholes.tell()

    def _take_envelope(self) -> None:
        """Take another envelope that was laid in the place of the one that holds."""
        file = self._place.envelope_file
        found = None if file is None else file.changed(self._now.s)
        if found is None:
            return
        about = Named(own_id("envelope"))
        if isinstance(found, Envelope):
            self.site.follow(found)
            self._reconciler.stages.charges.follow(found)
            unfed = found.unfed(self.site.on_feeder)
            words = f"another envelope holds; {unfed}" if unfed else "another envelope holds"
            self._book.note(about, Stage.EFFECTIVE, words)
            log.info("another envelope holds", models=len(found.models))
        else:
            words = f"{Reason.ENVELOPE}: not taken, the one before holds: {found}"
            self._book.note(about, Stage.REFUSED, words)
            log.error("envelope not taken; the one before holds", reason=str(found))

    def _tell_others(self) -> None:
        """Write down in whose place another device answers, and who is back."""
        for name in sorted(self._others_untold):
            about, other = Named(own_id("identity", name)), self._others[name]
            if other:
                self._book.note(about, Stage.REFUSED, f"{Reason.PRECONDITION}: {other}")
            else:
                self._book.note(about, Stage.RELEASED, "it is back in its place")
        self._others_untold.clear()

    def _send(self, due: Sequence[Errand]) -> None:
        for errand in due:
            task = asyncio.create_task(self._run(errand))
            self._running.add(task)
            if errand.device is not None:
                errand.device.is_busy = True

    async def _run(self, errand: Errand) -> None:
        try:
            self._answers.append(await errands.run(errand, lambda: self._now.s))
        finally:
            # Not by a callback: the next step may come before it, and would find all places taken.
            if errand.device is not None:
                errand.device.is_busy = False
            self._running.discard(cast("asyncio.Task[None]", asyncio.current_task()))
            self._stirred.set()

    def _take_answer(self, answer: Answer) -> None:
        device = answer.errand.device
        if device is not None and answer.posture is not None:
            device.posture, device.posture_s = answer.posture, answer.at_s
            device.heard_s = self._now.s
        if device is not None and answer.errand.kind == "offers":
            self.offers.take(device, answer.deed, self._now.s)
        elif not self._tasks.answered(answer):
            self._reconciler.answered(answer)

    def _take_command(self, payload: bytes) -> None:
        try:
            found = self._gate.opened(payload)
            if found is None:
                return
            command, order = found
            try:
                self._orders.take(command, order)
            except Refused as refused:
                about = Named(command.id, command.sequence)
                self._book.note(about, Stage.REFUSED, str(refused))
                log.info("command refused", command=command.id, reason=str(refused))
        except Refused as refused:
            self._refuse_stranger(refused)

    def _refuse_stranger(self, refused: Refused) -> None:
        """Write down what did not pass the gate, but not more than a minute bears."""
        if len(self._strangers) == _UNKNOWN_PER_MIN and self._now.s - self._strangers[0] < 60:  # noqa: PLR2004 -- a minute
            return
        self._strangers.append(self._now.s)
        self._book.note(refused.about or Named(""), Stage.REFUSED, str(refused))
        log.warning("command refused", reason=str(refused))

    def _changed(self, name: str) -> None:
        for told in self.on_change:
            told(name)

    def _stir(self) -> None:
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended, and nobody waits
                self._loop.call_soon_threadsafe(self._stirred.set)

    async def _wait(self) -> None:
        await asyncio.sleep(_GROUP_S)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._place.interval_s - _GROUP_S):
                await self._stirred.wait()
        self._stirred.clear()
