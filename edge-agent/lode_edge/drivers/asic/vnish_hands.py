"""Acting on VNish by its REST pages; settings are sent as the part that changes, nothing else.

A preset is named by the watts it draws; one that has not been tuned would be tuned for hours
first, so that a power limit takes tuned ones alone.
"""

from collections.abc import Mapping, Sequence

import msgspec

from lode_edge import images
from lode_edge.drivers.acting import Abilities, Posture
from lode_edge.drivers.asic.hands import Rig, offered
from lode_edge.drivers.asic.orders4028 import strict
from lode_edge.drivers.asic.reply import Row, as_number, text
from lode_edge.drivers.asic.steps import Step, Stepwise, install, needed, pool_text, restart
from lode_edge.drivers.asic.vnish_pages import Unlocked
from lode_edge.errors import BadAnswer, NotNow
from lode_edge.images import Image
from lode_wire import orders

ASLEEP = frozenset({"stopped", "paused"})
_AWAKE = frozenset({"mining", "auto-tuning", "initializing", "starting"})
_POOLS = 3
_UPDATE = "/firmware/update"


class VnishHands(Stepwise):
    """The hands for one rig."""

    offers = offered(
        orders.Sleep, orders.Wake, orders.Preset, orders.PowerLimit, orders.RestartMining,
        orders.Reboot, orders.FaultLight, orders.ChangePools, orders.UpdateFirmware,
    )  # fmt: skip

    def __init__(self, rig: Rig) -> None:
        super().__init__(rig.host)
        self._rig = rig
        self._pages = Unlocked(rig)

    async def abilities(self) -> Abilities:
        """Ask for the presets."""
        presets = await self._presets()
        tuned = [watts for watts, is_tuned in presets.values() if watts and is_tuned]
        return Abilities(
            actions=self.offers if tuned else self.offers - {"power_limit"},
            presets={name: watts for name, (watts, _) in presets.items()},
            power_min_w=min(tuned, default=None),
            power_max_w=max(tuned, default=None),
            blocked="" if tuned else "no preset has been tuned, so none limits its power",
        )

    async def posture(self) -> Posture:
        """Read state and settings."""
        status = await self._row("/status")
        preset = _preset(await self._row("/settings"))
        light = status.get("find_miner")
        return Posture(
            is_asleep=_is_asleep(status),
            preset=preset,
            power_limit_w=as_number(preset),
            is_light_on=light if isinstance(light, bool) else None,
        )

    async def steps(self, intent: orders.Intent) -> Sequence[Step]:  # noqa: PLR0911 -- one each
        """Work out what to send."""
        match intent:
            case orders.Reboot():
                return restart("rig", lambda: self._told("/system/reboot"))
            case orders.Preset() | orders.PowerLimit():
                return await self._tune(intent)
            case orders.ChangePools(pools=pools):
                return await self._change_pools(intent, pools)
            case orders.UpdateFirmware():
                return await self._firmware(intent)
        status = await self._row("/status")
        if isinstance(intent, orders.FaultLight):
            before, is_on = status.get("find_miner"), intent.is_on
            return needed("find_miner", before, is_on, lambda: self._light(is_on=is_on))
        if isinstance(intent, orders.RestartMining):
            if _is_asleep(status) is not False:
                raise NotNow(f"{self.place}: restart_mining: it is stopped; that would wake it")
            return restart("mining", lambda: self._told("/mining/restart"))
        before, after = _is_asleep(status), isinstance(intent, orders.Sleep)
        path = "/mining/stop" if after else "/mining/start"
        return needed("stopped", before, after, lambda: self._told(path))

    async def _tune(self, intent: orders.Preset | orders.PowerLimit) -> Sequence[Step]:
        presets = await self._presets()
        if isinstance(intent, orders.Preset):
            name = intent.name
            if name not in presets:
                raise self.unsupported(intent, f"it has no preset {name!r}")
        else:
            tuned = {name: watts for name, (watts, is_tuned) in presets.items() if is_tuned}
            within = {
                name: watts for name, watts in tuned.items() if watts and watts <= intent.power_w
            }
            if not within:
                raise self.unsupported(intent, f"no tuned preset draws {intent.power_w:.0f} W")
            name = max(within, key=lambda known: within[known])
        before = _preset(await self._row("/settings"))
        return needed("preset", before, name, lambda: self._save({"overclock": {"preset": name}}))

    async def _change_pools(
        self, intent: orders.Intent, pools: tuple[orders.Pool, ...]
    ) -> Sequence[Step]:
        if len(pools) > _POOLS:
            raise self.unsupported(intent, f"it has {_POOLS} pools")
        listed = _miner(await self._row("/settings")).get("pools")
        known = (
            [pool for pool in listed if isinstance(pool, dict)] if isinstance(listed, list) else []
        )
        if not any(text(pool, "url") for pool in known):
            raise BadAnswer(f"{self.place}: its settings came without a pool; nothing was written")
        wanted = [{"url": p.url, "user": p.user, "pass": p.password} for p in pools]
        wanted += [{"url": "", "user": "", "pass": ""}] * (len(known) - len(pools))
        if known == wanted:
            return []
        before = pool_text(
            [
                orders.Pool(url=str(p["url"]), user=str(p.get("user", "")))
                for p in known
                if p.get("url")
            ]
        )
        change = orders.Change(key="pools", before=before, after=pool_text(pools))
        return [Step(change, lambda: self._save({"pools": wanted}))]

    async def _save(self, part: Mapping[str, object]) -> str:
        """Send a part of the settings; where it says that it must, mining restarts with them."""
        said = strict(await self._pages.post("/settings", {"miner": part}), self.place)
        if said.get("restart_required") is True and _is_asleep(await self._row("/status")) is False:
            await self._told("/mining/restart")
            return "saved; mining restarts"
        return "saved"

    async def _light(self, *, is_on: bool) -> str:
        said = await self._pages.post("/find-miner", {"on": is_on})
        if strict(said, self.place).get("on") is not is_on:
            raise BadAnswer(f"{self.place}: fault_light: it says that its light is not so")
        return "done"

    async def _firmware(self, intent: orders.UpdateFirmware) -> Sequence[Step]:
        image = await images.checked(self._rig.images, intent)
        await self._row("/settings")  # unlocked, before much is sent
        return install(intent, lambda: self._update(image))

    async def _update(self, image: Image) -> str:
        form = images.in_form(image, "file", fields={"keep_settings": "true"})
        return _no_error(await self._pages.upload(_UPDATE, form), self._pages.place(_UPDATE))

    async def _told(self, path: str) -> str:
        return _no_error(await self._pages.post(path), f"{self.place} {path}")

    async def _presets(self) -> dict[str, tuple[float | None, bool]]:
        """Give the watts of each preset, and whether it is tuned, by name."""
        data = await self._pages.get("/autotune/presets")
        try:
            listed = msgspec.json.decode(data, type=list[Row])
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise BadAnswer(f"{self.place}: its presets did not come whole") from error
        return {
            name: (as_number(name), row.get("status") == "tuned")
            for row in listed
            if (name := text(row, "name"))
        }

    async def _row(self, path: str) -> Row:
        return strict(await self._pages.get(path), self._pages.place(path))


def _no_error(said: bytes, place: str) -> str:
    if b'"err"' in said:
        raise BadAnswer(f"{place}: refused: {said[:80].decode('utf-8', 'replace')}")
    return "done"


def _miner(settings: Row) -> Row:
    miner = settings.get("miner")
    return miner if isinstance(miner, dict) else {}


def _preset(settings: Row) -> str | None:
    overclock = _miner(settings).get("overclock")
    return (text(overclock, "preset") or None) if isinstance(overclock, dict) else None


def _is_asleep(status: Row) -> bool | None:
    state = text(status, "miner_state")
    if state in ASLEEP:
        return True
    return False if state in _AWAKE else None
