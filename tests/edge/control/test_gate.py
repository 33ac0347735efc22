"""What must not get in: each refused with its own reason, in the journal, and nothing sent."""

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.edge.control.hub import Hub
from tests.edge.control.world import BEGIN_MS, limits

from lode_edge.control.journal import verify
from lode_edge.control.store import Store, StoreError
from lode_wire import orders, seal
from lode_wire.orders import ChangePools, Pool, PowerLimit, Precondition, Reboot, Sleep, Wake
from lode_wire.records import Stage


def reasons(site) -> list[str]:
    return [s.reason.split(":")[0] for s in site.hub.states if s.stage is Stage.REFUSED]


def take(site, payload: bytes) -> None:
    site.control.take(payload)
    site.pass_s(3)


def sealed(site, **changes) -> bytes:
    return seal.encode(site.hub.order(Sleep(), site.now_ms, **{"target": "r1", **changes}))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"agent": "b"}, "wrong-agent"),
        ({"expires_ms": 5}, "too-late"),
        ({"not_before_ms": 1 << 50, "expires_ms": 1 << 51}, "not-yet"),
        ({"sequence": 0}, "out-of-order"),
        ({"sequence": -5}, "out-of-order"),
        ({"target": "nobody"}, "unknown-target"),
        ({"at_ms": 5}, "out-of-order"),  # from before this agent began
    ],
)
def test_what_is_wrong_with_a_command_is_said(world, changes, reason):
    site = world()
    take(site, sealed(site, **changes))
    assert reasons(site) == [reason]
    assert not site.rigs["r1"].orders


def test_a_stranger_and_a_changed_command_are_told_apart(world):
    site = world()
    stranger = Hub()
    take(site, seal.encode(stranger.order(Sleep(), site.now_ms, "r1")))
    command = site.hub.order(Sleep(), site.now_ms, "r1")
    for changed in (
        {"target": "r2"},
        {"sequence": 99},
        {"expires_ms": 1 << 51},
        {"signature": bytes(64)},
        {"actor": "eve"},
        {"agent": "b"},
    ):
        take(site, seal.encode(msgspec.structs.replace(command, **changed)))
    take(site, seal.encode(command)[:-7])
    take(site, b"")
    take(site, b"\x00" * 5000)
    assert reasons(site) == ["unknown-key", *["forged"] * 6, *["malformed"] * 3]
    take(site, seal.encode(command))  # what was tampered with can still come as it was
    assert site.rigs["r1"].is_asleep


def test_the_hubs_own_repeats_are_answered_again_and_done_once(world):
    """It repeats until it has the answer: also when the link was away for most of its time."""
    site = world()
    site.hub.is_reached = False
    command = site.hub.order(Sleep(), site.now_ms, "r1", expires_ms=site.now_ms + 3_600_000)
    for _ in range(3):
        take(site, seal.encode(command))
    site.pass_s(3000)
    site.hub.reach()
    told = len(site.hub.states)
    for _ in range(2):  # the second was on its way while the first was answered
        take(site, seal.encode(command))
    assert site.hub.states[-1].stage is Stage.EFFECTIVE
    assert site.hub.states[-1] in site.hub.states[:told]  # the same entry, by number and time
    assert len(site.rigs["r1"].orders) == 1
    assert not reasons(site)


@pytest.mark.parametrize("is_restarted", [False, True])
def test_a_copy_of_what_the_hub_knows_the_answer_to_is_a_replay(world, is_restarted):
    site = world()
    command = site.hub.order(Sleep(), site.now_ms, "r1", expires_ms=site.now_ms + 3_600_000)
    take(site, seal.encode(command))
    if is_restarted:
        site.kill()
        site.start()
    site.pass_s(60)
    for _ in range(5):
        take(site, seal.encode(command))
    assert reasons(site) == ["replayed"]
    for _ in range(5):
        take(site, seal.encode(command))
    assert reasons(site) == ["replayed", "replayed"]
    assert "10 times" in site.hub.said(command.id)[-1].reason
    assert len(site.rigs["r1"].orders) == 1
    assert site.hub.stages(command.id).count(Stage.EFFECTIVE) <= 2  # once more, in case


def test_a_copy_after_its_time_is_a_replay_whatever_the_hub_knows(world):
    site = world()
    site.hub.is_reached = False
    command = site.hub.order(Sleep(), site.now_ms, "r1")
    take(site, seal.encode(command))
    site.pass_s(120)
    take(site, seal.encode(command))
    site.hub.reach()
    assert reasons(site) == ["replayed"]
    assert not site.control._book.answers.all  # nothing is remembered for longer than needed


def test_an_older_command_after_a_newer_one_is_refused_and_may_come_sealed_anew(world):
    site = world()
    older = site.hub.order(Sleep(), site.now_ms, "r1")
    newer = site.hub.order(orders.FaultLight(is_on=True), site.now_ms, "r1")
    take(site, seal.encode(newer))
    take(site, seal.encode(older))
    assert reasons(site) == ["out-of-order"]
    anew = msgspec.structs.replace(older, sequence=newer.sequence + 1)
    take(site, seal.encode(seal.seal(anew, site.hub.key)))
    assert site.rigs["r1"].is_asleep


def test_the_highest_sequence_outlives_kill_and_loss_of_the_store(world):
    site = world()
    old = site.hub.order(Sleep(), site.now_ms, "r1")
    take(site, seal.encode(site.hub.order(orders.FaultLight(is_on=True), site.now_ms, "r1")))
    site.kill()
    for file in site.home.glob("control.db*"):
        file.unlink()
    site.start()
    take(site, seal.encode(old))
    assert reasons(site) == ["out-of-order"]


def test_a_command_that_the_disk_did_not_take_is_taken_when_it_comes_again(world, monkeypatch):
    site = world()
    site.pass_s(10)
    command = site.hub.order(Sleep(), site.now_ms, "r1")

    def full(store: Store) -> None:
        store._db.execute("rollback")
        raise StoreError("disk full")

    with monkeypatch.context() as patched:
        patched.setattr(Store, "commit", full)
        take(site, seal.encode(command))
    assert not site.rigs["r1"].orders
    take(site, seal.encode(command))
    assert reasons(site) == []
    assert len(site.rigs["r1"].orders) == 1


@pytest.mark.parametrize("off_ms", [-40_000, 40_000, -(10**12)])
def test_a_clock_that_is_off_refuses_what_is_timed(world, off_ms):
    site = world()
    site.pass_s(1)
    site.knows_time = True
    site.wall_off_ms = off_ms
    payload = seal.encode(site.hub.order(Sleep(), site.now_ms - off_ms, "r1"))
    take(site, payload)
    assert reasons(site) == ["clock"]


@pytest.mark.parametrize(("is_broken", "blocked"), [(False, ""), (True, ""), (False, "no limits")])
def test_a_clock_that_was_ahead_at_the_first_start_bars_no_command_once_it_is_right(
    world, is_broken, blocked
):
    site = world(blocked=blocked)
    site.kill()
    for file in site.home.iterdir():
        file.unlink()
    if is_broken:
        (site.home / "control.db").write_bytes(b"no database" * 1000)
    site.wall_off_ms = 3 * 86_400_000
    site.start()
    site.pass_s(5)
    early = site.hub.order(orders.ReadRegisters(register=1), BEGIN_MS, "r1", expires_ms=1 << 50)
    site.wall_off_ms = 0
    take(site, seal.encode(early))
    assert reasons(site) == ["out-of-order"]  # nobody but its own clock says that it was ahead
    site.knows_time = True
    take(site, seal.encode(early))
    assert reasons(site) == ["out-of-order"] * 2  # it is from before, and may be a copy
    order = site.send(orders.ReadRegisters(register=1), "r1")
    site.until(lambda: site.hub.is_at(order, Stage.RELEASED), 10)
    assert site.control._book.store.life.forgot_until_ms <= site.now_ms + 86_400_000


def test_a_clock_that_is_a_little_off_is_put_right_by_the_hubs(world):
    site = world()
    site.pass_s(1)
    site.knows_time = True
    site.wall_off_ms = -20_000
    command = site.hub.order(
        Sleep(), site.now_ms + 20_000, "r1", not_before_ms=site.now_ms + 19_000
    )
    take(site, seal.encode(command))
    assert site.rigs["r1"].is_asleep


@pytest.mark.parametrize(
    ("asked", "is_met"),
    [
        (Precondition(mac="AA:BB"), True),
        (Precondition(mac="aa:cc"), False),
        (Precondition(serial="x"), False),  # it never said one
        (Precondition(model="s19", states=("mining",)), True),
        (Precondition(states=("sleeping", "unknown")), False),
    ],
)
def test_a_precondition_keeps_an_order_from_another_device(world, asked, is_met):
    site = world()
    site.pass_s(10)
    site.send(Sleep(), "r1", precondition=asked)
    site.pass_s(3)
    assert site.rigs["r1"].is_asleep == is_met
    assert reasons(site) == ([] if is_met else ["precondition"])


def test_what_takes_two_people_is_not_done_for_one(world):
    site = world()
    site.pass_s(3)
    pools = ChangePools(pools=(Pool(url="stratum+tcp://a:1"),))
    for people in ((), ("anna",), ("anna", "anna")):
        site.send(pools, "r1", approved_by=people)
    site.pass_s(3)
    assert reasons(site) == ["approval"] * 3
    site.send(pools, "r1", approved_by=("anna", "ben"))
    site.until(lambda: site.rigs["r1"].orders)


def test_what_a_device_does_not_offer_is_refused_by_its_name(world):
    site = world()
    site.pass_s(3)
    order = site.send(orders.RestartMining(), "r1")
    site.pass_s(3)
    assert "restart_mining is not offered" in site.hub.said(order)[0].reason
    assert not site.rigs["r1"].orders


@pytest.mark.parametrize("power_w", [400, 3601, 1e6])
def test_no_command_exceeds_the_envelope(world, power_w):
    site = world()
    site.pass_s(3)
    site.send(PowerLimit(power_w=power_w), "r1")
    site.pass_s(3)
    assert reasons(site) == ["envelope"]
    assert not site.rigs["r1"].orders


def test_restarts_count_as_starts(world):
    site = world(envelope=limits(starts_per_day=1))
    site.pass_s(10)
    first, second = site.send(Reboot(), "r1"), site.send(Reboot(), "r1")
    site.until(lambda: site.hub.is_at(first, Stage.RELEASED))
    site.until(lambda: site.hub.is_at(second, Stage.REFUSED))
    assert site.hub.said(second)[-1].reason.startswith("envelope")
    assert len(site.rigs["r1"].orders) == 1


def test_a_flood_of_forgeries_does_not_fill_the_disk(world):
    site = world()
    command = site.hub.order(Sleep(), site.now_ms, "r1")
    forged = seal.encode(msgspec.structs.replace(command, actor="eve"))
    for _ in range(40):
        for _ in range(50):
            site.control.take(forged)
        site.pass_s(0.5)
    assert 0 < len(reasons(site)) <= 61
    take(site, seal.encode(command))
    assert site.rigs["r1"].is_asleep


@settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(data=st.data())
def test_no_damaged_command_gets_in(world, data):
    site = world()
    whole = seal.encode(site.hub.order(Wake(), site.now_ms, "r1"))
    payload = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(payload) - 1))
        kind = data.draw(st.sampled_from(["flip", "cut", "double", "drop"]))
        if kind == "flip":
            payload[place] ^= 1 << data.draw(st.integers(0, 7))
        elif kind == "cut":
            del payload[max(1, place) :]
        elif kind == "double":
            payload[place:place] = payload[place : place + 3]
        elif len(payload) > 1:
            del payload[place]
    stranger = Ed25519PrivateKey.generate()
    take(site, bytes(payload))
    try:
        same = seal.opened(
            seal.decode(bytes(payload)),
            {seal.key_id(k): k for k in [site.hub.key.public_key(), stranger.public_key()]},
        )
    except Exception:
        same = None
    if same is None:
        assert len(reasons(site)) == 1
        assert not site.rigs["r1"].orders
    site.kill()
    store = Store(site.home, "a", site.now_ms)
    assert verify(store._db) >= 1
    store.close()
    site.close()
