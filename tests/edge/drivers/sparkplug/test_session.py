"""A host's view of an edge node: whatever is lost or overtakes, no value gets another's name."""

from hypothesis import given
from hypothesis import strategies as st

from lode_edge.drivers.sparkplug.payload import DataType, Metric, Payload, raw_of
from lode_edge.drivers.sparkplug.session import News, Place, Session, Verb, parse

INT = DataType.INT32


def metric(name: str | None, alias: int | None, value: int | None, **more) -> Metric:
    kind = INT if name is not None else DataType.UNKNOWN
    return Metric(name=name, alias=alias, datatype=kind, raw=raw_of(value, INT), **more)


def nbirth(bdseq: int = 0, at_ms: int = 1) -> Payload:
    return Payload(
        timestamp=at_ms, seq=0, metrics=[metric("bdSeq", None, bdseq), metric("n", 9, 1)]
    )


def dbirth(seq: int, value: int = 10) -> Payload:
    return Payload(timestamp=1, seq=seq, metrics=[metric("a", 1, value), metric("b", 2, None)])


def data(seq: int, *metrics: Metric, at_ms: int = 1) -> Payload:
    return Payload(timestamp=at_ms, seq=seq, metrics=metrics)


def readings(news: list[News]) -> list[tuple[str, str, object]]:
    return [(one.device, r.name, r.value) for one in news for r in one.readings]


def born() -> Session:
    session = Session()
    session.take(Verb.NBIRTH, "", nbirth(), 0)
    session.take(Verb.DBIRTH, "d", dbirth(1), 0)
    return session


def test_an_alias_has_its_births_name_and_type():
    session = Session()
    (node,) = session.take(Verb.NBIRTH, "", nbirth(), 0)
    assert (node.is_alive, node.is_birth) == (True, True)
    news = session.take(Verb.DBIRTH, "d", dbirth(1), 0)
    assert readings(news) == [("d", "a", 10), ("d", "b", None)]
    news = session.take(Verb.DDATA, "d", data(2, metric(None, 2, -7), metric("a", None, 5)), 0)
    assert readings(news) == [("d", "b", -7), ("d", "a", 5)]
    news = session.take(Verb.NDATA, "", data(3, metric(None, 9, 2)), 0)
    assert readings(news) == [("", "n", 2)]


def test_an_alias_of_another_device_or_of_nobody_is_counted_and_left():
    session = born()
    news = session.take(Verb.DDATA, "d", data(2, metric(None, 9, 1), metric(None, 77, 1)), 0)
    assert readings(news) == []
    assert session.counters.bad_metrics == 2


def test_what_overtook_waits_for_its_turn():
    session = born()
    assert session.take(Verb.DDATA, "d", data(4, metric(None, 1, 3)), 0) == []
    assert session.take(Verb.DDATA, "d", data(3, metric(None, 1, 2)), 0.1) == []
    news = session.take(Verb.DDATA, "d", data(2, metric(None, 1, 1)), 0.2)
    assert [value for _, _, value in readings(news)] == [1, 2, 3]
    assert session.tick(99) == []


def test_a_lost_message_ends_the_life_and_asks_for_another():
    session = born()
    assert session.wants_rebirth(0) is False
    session.take(Verb.DDATA, "d", data(3, metric(None, 1, 3)), 10)
    assert session.tick(11.9) == []
    gone = session.tick(12.1)
    assert [(one.device, one.is_alive) for one in gone] == [("", False), ("d", False)]
    assert session.counters.gaps == 1
    assert session.take(Verb.DDATA, "d", data(4, metric(None, 1, 3)), 12.2) == []
    asked = [tenth / 10 for tenth in range(122, 2000) if session.wants_rebirth(tenth / 10)]
    assert 4 <= len(asked) <= 7  # less and less often
    assert asked[0] == 12.2
    session.take(Verb.NBIRTH, "", nbirth(), 200)
    assert not session.wants_rebirth(201)


def test_a_count_that_began_anew_ends_the_life_at_once():
    session = born()
    for seq in range(2, 9):
        session.take(Verb.DDATA, "d", data(seq), 0)
    gone = session.take(Verb.DBIRTH, "d", dbirth(1), 0)
    assert [one.is_alive for one in gone] == [False, False]


def test_a_death_counts_only_for_its_own_birth():
    session = Session()
    session.take(Verb.NBIRTH, "", nbirth(4), 0)
    assert session.take(Verb.NDEATH, "", Payload(metrics=[metric("bdSeq", None, 3)]), 1) == []
    assert session.counters.strange_deaths == 1
    (dead,) = session.take(Verb.NDEATH, "", Payload(metrics=[metric("bdSeq", None, 4)]), 2)
    assert not dead.is_alive
    assert not session.is_born


def test_a_dead_device_says_nothing_until_it_is_born():
    session = born()
    (dead,) = session.take(Verb.DDEATH, "d", data(2), 0)
    assert (dead.device, dead.is_alive) == ("d", False)
    assert session.take(Verb.DDATA, "d", data(3, metric(None, 1, 3)), 0) == []
    assert readings(session.take(Verb.DBIRTH, "d", dbirth(4), 0))


def test_nothing_is_believed_before_a_birth():
    session = Session()
    assert session.take(Verb.DBIRTH, "d", dbirth(1), 0) == []
    assert session.take(Verb.NBIRTH, "", Payload(seq=5), 0) == []
    assert session.take(Verb.DDATA, "d", Payload(metrics=[metric("a", None, 1)]), 0) == []
    assert not session.is_born


class Sender:
    """An edge node that gives its aliases other names at each birth of its device."""

    def __init__(self) -> None:
        self.seq, self.turn, self.count, self.at_ms = -1, 0, 0, 0

    def nbirth(self) -> tuple[Verb, str, Payload]:
        self.at_ms += 1
        self.seq = 0
        return Verb.NBIRTH, "", nbirth(at_ms=self.at_ms)

    def dbirth(self) -> tuple[Verb, str, Payload]:
        self.turn += 1
        both = [metric("odd", 1 + self.turn % 2, 1), metric("even", 2 - self.turn % 2, 2)]
        seq = self._next()
        return Verb.DBIRTH, "d", data(seq, *both, at_ms=self.at_ms)

    def ddata(self) -> tuple[Verb, str, Payload]:
        """Say an odd number of `odd`, or an even one of `even`."""
        self.count += 1
        alias = 1 + self.turn % 2 if self.count % 2 else 2 - self.turn % 2
        seq = self._next()
        return Verb.DDATA, "d", data(seq, metric(None, alias, self.count), at_ms=self.at_ms)

    def _next(self) -> int:
        self.at_ms += 1
        self.seq = (self.seq + 1) % 256
        return self.seq


@given(st.lists(st.sampled_from("bdddddddn"), max_size=20), st.data())
def test_no_loss_and_no_disorder_gives_a_value_another_name(script, choices):
    sender, session, now = Sender(), Session(), 0.0
    sent = [sender.nbirth(), sender.dbirth()]
    for step in script:
        if step == "n":
            sent.append(sender.nbirth())
        sent.append(sender.ddata() if step == "d" else sender.dbirth())
    while sent:
        now += choices.draw(st.sampled_from([0.1, 0.1, 0.1, 3.0]))
        what = choices.draw(st.sampled_from(["in order", "in order", "lost", "overtakes"]))
        # Nobody is born again, while nobody knows him, before what he said earlier has come.
        may_overtake = len(sent) > 1 and (session.is_born or sent[1][0] is not Verb.NBIRTH)
        message = sent.pop(1 if what == "overtakes" and may_overtake else 0)
        news = session.tick(now)
        # A lost NBIRTH cannot be told from no NBIRTH if the numbers go on as they would have.
        if what != "lost" or message[0] is Verb.NBIRTH:
            news += session.take(*message, now)
        for _, name, value in readings(news):
            if name in {"odd", "even"}:
                assert value % 2 == (name == "odd")


@given(st.text(max_size=30) | st.sampled_from(["spBv1.0/g/NDATA/n", "spBv1.0/g/DDATA/n/d"]))
def test_a_topic_is_an_edge_nodes_or_none(topic):
    found = parse(topic)
    if found is not None:
        verb, place = found
        assert place.topic(verb) == topic
    assert parse("spBv1.0/g/DDATA/n") is None
    assert parse("spBv1.0/g/NDATA/n/d") is None
    assert parse("spBv1.0/STATE/h") is None
    assert parse("spBv1.0/g/DDATA/n/d/e") is None
    assert parse("spBv1.0/g/DBIRTH/n/d") == (Verb.DBIRTH, Place("g", "n", "d"))
