"""The limiter against a list of times."""

from hypothesis import given
from hypothesis import strategies as st

from lode_hub.access import limiter as module
from lode_hub.access.limiter import Limiter


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@given(st.lists(st.floats(0, 20), max_size=40))
def test_never_more_than_the_limit_in_any_window(pauses: list[float]) -> None:
    clock = Clock()
    limiter = Limiter(3, 10.0, clock=clock)
    passed: list[float] = []
    for pause_s in pauses:
        clock.now_s += pause_s
        if limiter.wait_s("ada") == 0:
            limiter.count("ada")
            passed.append(clock.now_s)
    for first, fourth in zip(passed, passed[3:], strict=False):
        assert fourth - first >= 10.0


def test_tells_how_long_to_wait_and_forgets_after_success() -> None:
    clock = Clock()
    limiter = Limiter(2, 10.0, clock=clock)
    limiter.count("ada")
    clock.now_s = 4.0
    limiter.count("ada")
    assert limiter.wait_s("ada") == 6.0
    assert limiter.wait_s("bob") == 0.0
    limiter.uncount("ada")
    assert limiter.wait_s("ada") == 0.0
    limiter.count("ada")
    limiter.forget("ada")
    assert limiter.wait_s("ada") == 0.0


def test_its_memory_is_bounded() -> None:
    limiter = Limiter(1, 10.0, clock=Clock())
    for number in range(module.MAX_KEYS + 1):
        limiter.count(str(number))
    assert len(limiter._failures) == module.MAX_KEYS
    assert limiter.wait_s("0") == 0.0
    assert limiter.wait_s(str(module.MAX_KEYS)) == 10.0
