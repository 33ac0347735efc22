"""Power never changes faster than the ramp says, whenever its changes take effect."""

from hypothesis import given
from hypothesis import strategies as st

from lode_edge.control.ramp import WINDOW_S, Ramp

KW_PER_MIN = 60.0
LIMIT_W = KW_PER_MIN * 1000
CHANGES = st.lists(
    st.tuples(
        st.sampled_from([0.0, 1.0, 5.0, 20.0, 60.0]),  # s since the one before was asked for
        st.sampled_from([1000.0, 10_000.0, 30_000.0, LIMIT_W]),  # W
        st.sampled_from([0.0, 10.0, 60.0, 90.0]),  # s from its sending to its effect
    ),
    min_size=2,
    max_size=60,
)


def sent(changes: list[tuple[float, float, float]]) -> list[tuple[float, float]]:
    """Send what is admitted; give when each took effect and its W."""
    ramp, now_s = Ramp(KW_PER_MIN, 0.0), 0.0
    effects: list[tuple[float, str, float]] = []
    seen = 0
    for n, (pause_s, power_w, delay_s) in enumerate(changes):
        now_s += pause_s
        for at_s, key, _ in sorted(effects)[seen:]:
            if at_s <= now_s:
                ramp.seen(key, at_s)
                seen += 1
        if ramp.admits(power_w, now_s):
            ramp.charge(str(n), power_w, now_s)
            effects.append((now_s + delay_s, str(n), power_w))
            effects[seen:] = sorted(effects[seen:])
    return [(at_s, power_w) for at_s, _, power_w in effects]


@given(CHANGES)
def test_what_takes_effect_within_a_minute_is_never_more_than_the_ramp(
    changes: list[tuple[float, float, float]],
) -> None:
    effects = sent(changes)
    for start_s, _ in effects:
        within = [w for at_s, w in effects if start_s <= at_s < start_s + WINDOW_S]
        assert sum(within) <= LIMIT_W * (1 + 1e-9)


def test_a_change_that_was_never_seen_holds_its_place() -> None:
    ramp = Ramp(KW_PER_MIN, 0.0)
    assert ramp.admits(LIMIT_W, 60.0)
    ramp.charge("a", LIMIT_W, 60.0)
    assert not ramp.admits(100.0, 60.0 + 10 * WINDOW_S)
    ramp.seen("a", 700.0)
    assert not ramp.admits(100.0, 700.0 + WINDOW_S - 0.1)
    assert ramp.admits(100.0, 700.0 + WINDOW_S)


def test_it_begins_empty_for_nobody_knows_what_was_sent_before() -> None:
    ramp = Ramp(KW_PER_MIN, 0.0)
    assert not ramp.admits(3000.0, 0.0)
    assert not ramp.admits(3000.0, 2.9)
    assert ramp.admits(3000.0, 3.0)  # a kW each second


def test_one_change_larger_than_the_ramp_goes_alone_and_counts_for_as_long_as_it_takes() -> None:
    ramp = Ramp(KW_PER_MIN, 0.0)
    ramp.charge("small", 1000.0, 30.0)
    assert not ramp.admits(3 * LIMIT_W, 60.0)
    ramp.free("small")
    assert ramp.admits(3 * LIMIT_W, 60.0)
    ramp.charge("large", 3 * LIMIT_W, 60.0)
    ramp.seen("large", 61.0)
    assert ramp.holds("large", 61.0 + 3 * WINDOW_S - 0.1)
    assert not ramp.holds("large", 61.0 + 3 * WINDOW_S)
    assert ramp.under_way_w(61.0 + 3 * WINDOW_S) == 0.0


def test_another_limit_counts_what_was_charged_and_lets_nothing_go_at_once() -> None:
    ramp = Ramp(KW_PER_MIN, 0.0)
    ramp.charge("a", 30_000.0, 60.0)
    ramp.follow(10.0, 60.0)
    assert not ramp.admits(1.0, 60.0)
    assert not ramp.admits(1000.0, 600.0)  # 30 kW still count against 10
    ramp.follow(None, 600.0)
    assert ramp.admits(1e9, 600.0)
    assert ramp.under_way_w(600.0) == 30_000.0


def test_only_what_may_yet_take_effect_counts_as_coming() -> None:
    ramp = Ramp(None, 0.0)
    ramp.charge("sent", 1000.0, 100.0)
    ramp.charge("seen", 2000.0, 100.0)
    ramp.seen("seen", 105.0)
    assert ramp.later_w(104.0) == 3000.0
    assert ramp.later_w(105.0) == 1000.0  # a meter of that moment shows the other
    assert ramp.later_w(119.9) == 1000.0
    assert ramp.later_w(120.0) == 0.0  # not relied on any more
    ramp.free("sent")
    ramp.free("strange")
    assert ramp.under_way_w(120.0) == 2000.0


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["charge", "seen", "free"]))))
def test_the_sum_is_that_of_what_is_held(turns: list[tuple[str, str]]) -> None:
    ramp, held, now_s = Ramp(KW_PER_MIN, 0.0), dict[str, float](), 0.0
    for key, turn in turns:
        now_s += 1.0
        if turn == "charge":
            ramp.charge(key, 100.0 * now_s, now_s)
            held[key] = 100.0 * now_s
        elif turn == "seen":
            ramp.seen(key, now_s)
        else:
            ramp.free(key)
            held.pop(key, None)
        held = {one: power_w for one, power_w in held.items() if ramp.holds(one, now_s)}
        assert abs(ramp.under_way_w(now_s) - sum(held.values())) < 1e-6
