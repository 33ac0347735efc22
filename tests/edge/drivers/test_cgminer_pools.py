"""A rig's pools are changed so that it has one at every moment, whatever order fails."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lode_edge.drivers.asic.cgminer_pools import CgminerPools
from lode_edge.errors import BadAnswer, DriverError, TimedOut, Unsupported
from lode_wire.orders import Pool

OLD = [("stratum+tcp://old-1:3333", "w"), ("stratum+tcp://old-2:3333", "w")]


class Rig:
    """Pools as cgminer keeps them: numbers close up after a removal, the one in use stays."""

    def __init__(self, pools: list[tuple[str, str]], fails_at: int = -1) -> None:
        self.pools = list(pools)
        self.in_use = pools[0] if pools else None
        self.orders: list[str] = []
        self.place = "10.0.0.1:4028"
        self._fails_at = fails_at

    async def ask(self, command: str, *_: str) -> dict[str, object]:
        assert command == "pools"
        ranked = sorted(self.pools, key=lambda pool: pool != self.in_use)
        rows = [
            {"POOL": self.pools.index((url, user)), "URL": url, "User": user, "Priority": n}
            for n, (url, user) in enumerate(ranked)
        ]
        return {"POOLS": sorted(rows, key=lambda row: str(row["POOL"]))}

    async def tell(self, command: str, *words: str) -> str:
        if len(self.orders) == self._fails_at:
            raise TimedOut(f"{self.place} {command}: no answer")
        self.orders.append(command)
        if command == "addpool":
            self.pools.append((words[0], words[1]))
        elif command == "switchpool":
            self.in_use = self.pools[int(words[0])]
        else:
            gone = self.pools.pop(int(words[0]))
            assert gone != self.in_use, "cgminer does not remove the pool that it uses"
        return "ok"


def of(*pools: tuple[str, str]) -> list[Pool]:
    return [Pool(url=url, user=user, password="secret-x") for url, user in pools]


async def change(rig: Rig, pools: list[Pool]) -> str:
    (step,) = await CgminerPools(rig).steps(pools)
    return await step.send()


async def test_new_ones_come_before_old_ones_go() -> None:
    rig = Rig(OLD)
    new = [("stratum+tcp://new-1:3333", "w.1"), ("stratum+tcp://new-2:3333", "w.1")]
    assert await change(rig, of(*new)) == "2 pools"
    assert rig.orders == ["addpool", "addpool", "switchpool", "removepool", "removepool"]
    assert (rig.pools, rig.in_use) == (new, new[0])


async def test_what_is_there_is_not_added_again_and_what_holds_is_not_sent() -> None:
    rig = Rig(OLD)
    assert await CgminerPools(rig).steps(of(*OLD)) == []
    await change(rig, of(OLD[1]))
    assert rig.orders == ["switchpool", "removepool"]
    assert await CgminerPools(rig).steps(of(OLD[1])) == []


async def test_the_same_pool_for_another_user_is_another_pool() -> None:
    rig = Rig(OLD[:1])
    await change(rig, of((OLD[0][0], "another")))
    assert rig.pools == [(OLD[0][0], "another")]


async def test_the_change_is_shown_without_a_password() -> None:
    (step,) = await CgminerPools(Rig(OLD[:1])).steps(of(("stratum+tcp://new:1", "w.1")))
    assert step.change.before == "w@stratum+tcp://old-1:3333"
    assert step.change.after == "w.1@stratum+tcp://new:1"
    assert "secret-x" not in repr(step.change)


@pytest.mark.parametrize("mark", [",", "|", "\\"])
@pytest.mark.parametrize("part", ["url", "user", "password"])
async def test_what_the_api_cannot_tell_is_refused_before_anything_is_sent(
    mark: str, part: str
) -> None:
    words = {"url": "stratum+tcp://new:1", "user": "w", "password": "secret-x"}
    words[part] += f"{mark}y"
    rig = Rig(OLD)
    with pytest.raises(Unsupported) as refused:
        await CgminerPools(rig).steps([Pool(**words)])
    assert rig.orders == []
    assert "secret-x" not in str(refused.value)


async def test_a_rig_that_shows_no_pools_is_not_believed() -> None:
    with pytest.raises(BadAnswer, match="nothing was written"):
        await CgminerPools(Rig([])).steps(of(OLD[0]))


async def test_a_rig_that_does_not_take_the_new_pool_keeps_its_old_ones() -> None:
    class Deaf(Rig):
        async def tell(self, command: str, *words: str) -> str:
            return "ok" if command == "addpool" else await super().tell(command, *words)

    rig = Deaf(OLD)
    with pytest.raises(BadAnswer, match="nothing removed"):
        await change(rig, of(("stratum+tcp://new:1", "w")))
    assert rig.pools == OLD


async def test_a_rig_that_keeps_what_it_was_told_to_remove_is_told_of() -> None:
    class Sticky(Rig):
        async def tell(self, command: str, *words: str) -> str:
            return "ok" if command == "removepool" else await super().tell(command, *words)

    with pytest.raises(BadAnswer, match="old ones are still there"):
        await change(Sticky(OLD), of(("stratum+tcp://new:1", "w")))


POOLS = st.lists(
    st.tuples(st.sampled_from(["a:1", "b:1", "c:1", "d:1"]), st.sampled_from(["u", "v"])),
    min_size=1,
    max_size=4,
    unique=True,
)


@given(POOLS, POOLS, st.integers(-1, 10))
async def test_whatever_fails_the_rig_has_a_pool_that_somebody_wanted(
    before: list[tuple[str, str]], wanted: list[tuple[str, str]], fails_at: int
) -> None:
    rig = Rig(before, fails_at)
    steps = await CgminerPools(rig).steps(of(*wanted))
    if not steps:
        assert before == wanted
        return
    try:
        await steps[0].send()
    except DriverError:
        assert rig.in_use in rig.pools
        assert set(rig.pools) <= set(before) | set(wanted)
        again = Rig(rig.pools)
        again.in_use = rig.in_use
        for step in await CgminerPools(again).steps(of(*wanted)):
            await step.send()  # asked again, it goes on from there
        rig = again
    assert set(rig.pools) == set(wanted)
    assert rig.in_use == wanted[0]
