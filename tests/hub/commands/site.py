"""A site that can be ordered about: agents, rigs that offer things, people who may ask."""

from dataclasses import dataclass
from typing import Any

from lode_hub.access import Access, Person
from lode_hub.actions import Actions
from lode_hub.queries import Queries
from lode_hub.settings import AccessSettings
from lode_hub.store import Store
from tests.hub.queries.mine import Mine

OFFERS = ["sleep", "wake", "power_limit", "preset", "reboot", "fault_light", "pools", "firmware"]
RAMPS = [f"{whose}_ramp_{way}_kw_per_min" for whose in ("site", "feeder") for way in ("up", "down")]


@dataclass
class Site:
    """A mine with hands."""

    store: Store
    mine: Mine
    access: Access
    actions: Actions
    queries: Queries

    async def person(
        self, name: str = "ada", role: str = "operator", sites: list[str] | None = None
    ) -> Person:
        await self.access.add(name, role, sites)
        return Person(name=name, role=role)

    async def rig(
        self, agent: int, name: str, *, controls: dict[str, Any] | None = None, **figures: Any
    ) -> int:
        """Make a rig that reads and offers."""
        device = await self.mine.device(agent, name)
        await self.mine.run(
            "update device set mac = %(mac)s, rated_power_w = 3500 where id = %(id)s",
            mac=f"02:00:00:00:00:{device:02x}", id=device,
        )  # fmt: skip
        await self.mine.reads(device, **{"power_w": 3000, "hashrate_ths": 100, **figures})
        if controls is not None:
            await self.controls(device, **controls)
        return device

    async def controls(self, device: int, **given: Any) -> None:
        values: dict[str, Any] = {"offers": OFFERS, "presets": ["eco"], "starts_left": None}
        values |= {"power_min_w": 1500, "power_max_w": 3600}
        values |= {"feeder": "", "outlet": "", "blocked": ""}
        values |= dict.fromkeys(RAMPS) | given
        await self.mine.run(
            "insert into device_controls (device_id, offers, presets, power_min_w, power_max_w, "
            "starts_left, feeder, outlet, blocked, at, source_id, seq, "
            f"{', '.join(RAMPS)}) values (%(device)s, "
            "%(offers)s, %(presets)s, %(power_min_w)s, %(power_max_w)s, %(starts_left)s, "
            "%(feeder)s, %(outlet)s, %(blocked)s, now(), 1, 1, "
            f"{', '.join(f'%({name})s' for name in RAMPS)})",
            device=device, **values,
        )  # fmt: skip

    async def stage(self, command_id: str, stage: str) -> None:
        await self.mine.run(
            "update command set stage = %(stage)s, ended_at = case when %(stage)s in "
            "('released', 'failed') then now() end where id = %(id)s",
            stage=stage, id=command_id,
        )  # fmt: skip


def site_of(store: Store) -> Site:
    access = Access(store, AccessSettings())
    return Site(store, Mine(store), access, Actions(store, access), Queries(store))
