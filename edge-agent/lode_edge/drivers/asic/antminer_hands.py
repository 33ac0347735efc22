"""Acting on Antminers with Bitmain's own firmware: CGI pages behind a digest login.

    get_miner_conf.cgi ─► change one key, keep the rest byte for byte ─► set_miner_conf.cgi
    image ─► upgrade.cgi: keeps the settings (upgrade_clear.cgi would not, and is never used)

Everything is one file of settings, and what is not sent back is lost: so it is written only when
it was read whole, with a pool in it. A write restarts the mining program in the background.
"""

from collections.abc import Mapping, Sequence

import msgspec

from lode_edge import images
from lode_edge.drivers.acting import Abilities, Posture
from lode_edge.drivers.asic import client
from lode_edge.drivers.asic.hands import Rig
from lode_edge.drivers.asic.pages import Pages, Settings, plain, whole
from lode_edge.drivers.asic.reply import Replies, as_number, decode, hashrate_ths, rows, text
from lode_edge.drivers.asic.steps import Step, Stepwise, install, needed, pool_text, restart
from lode_edge.drivers.driver import Login
from lode_edge.errors import BadAnswer, NotNow, Unreachable
from lode_edge.images import Image
from lode_wire import orders

DEFAULT_LOGIN = Login(username="root", password="root")  # noqa: S106 -- the vendor's own
CONF = "/cgi-bin/get_miner_conf.cgi"
SYSTEM = "/cgi-bin/get_system_info.cgi"
WEB_SUMMARY = "/cgi-bin/summary.cgi"  # no `summary` of work: the rig's verdict on itself
MODE_KEYS = ("bitmain-work-mode", "miner-mode")
_SET = "/cgi-bin/set_miner_conf.cgi"
_BLINK = "/cgi-bin/blink.cgi"
_REBOOT = "/cgi-bin/reboot.cgi"
_UPGRADE = "/cgi-bin/upgrade.cgi"
_BLINKS = "/cgi-bin/get_blink_status.cgi"
_NORMAL, _ASLEEP, _LOW = "0", "1", "3"
_MODES = {_NORMAL: "normal", _LOW: "low"}
_POOLS = 3  # the rig has so many slots, and keeps the old pool in one that is not written
# What a rig calls otherwise where it is told it than where it says it.
_TOLD_AS = {"bitmain-freq-level": "freq-level"}
_OF_MODE = frozenset({"sleep", "wake", "power_mode"})


class AntminerHands(Stepwise):
    """The hands for one rig."""

    offers = _OF_MODE | {"fan_speed", "restart_mining", "reboot", "fault_light", "pools"}
    offers |= {"firmware"}

    def __init__(self, rig: Rig) -> None:
        super().__init__(f"{rig.host}:{rig.port}")
        self._rig = rig
        self.pages = Pages(rig, DEFAULT_LOGIN)
        self._woken_mode = _NORMAL  # what it ran in when it was put to sleep

    async def abilities(self) -> Abilities:
        """Ask for the settings: firmware without a work mode cannot sleep."""
        if mode_of(await self._settings()) is None:
            actions = self.offers - _OF_MODE
            return Abilities(actions=actions, blocked="its firmware has no work mode to sleep by")
        return Abilities(actions=self.offers, modes=tuple(sorted(_MODES.values())))

    async def posture(self) -> Posture:
        """Read the settings back; while the mining program restarts, its sleep is not known."""
        settings = await self._settings()
        blinks = whole(await self.pages.get(_BLINKS), self.pages.place(_BLINKS))
        light = plain(blinks, "blink")
        mode = mode_of(settings)
        is_fixed = plain(settings, "bitmain-fan-ctrl") is True
        fan = as_number(plain(settings, "bitmain-fan-pwm")) if is_fixed else None
        return Posture(
            is_asleep=await self._is_asleep(mode),
            mode=_MODES.get(mode or ""),
            fan_percent=None if fan is None else int(fan),
            is_light_on=light if isinstance(light, bool) else None,
        )

    async def steps(self, intent: orders.Intent) -> Sequence[Step]:  # noqa: PLR0911 -- one each
        """Work out what to change."""
        match intent:
            case orders.FaultLight(is_on=is_on):
                return await self._light(is_on)
            case orders.Reboot():
                return restart("rig", self._reboot)
            case orders.UpdateFirmware():
                return await self._firmware(intent)
        settings = await self._settings()
        match intent:
            case orders.Sleep() | orders.Wake() | orders.PowerMode():
                return self._mode(intent, settings)
            case orders.FanSpeed(percent=percent):
                return self._fan(percent, settings)
            case orders.ChangePools(pools=pools):
                return self._change_pools(pools, settings)
            case orders.RestartMining():
                return restart("mining", lambda: self._write(settings, {}))
        raise self.unsupported(intent)

    def _mode(self, intent: orders.Intent, settings: Settings) -> Sequence[Step]:
        before = mode_of(settings)
        if before is None:
            raise self.unsupported(intent, "its firmware has no work mode")
        match intent:
            case orders.Sleep():
                after = _ASLEEP
                self._woken_mode = before if before in _MODES else _NORMAL
            case orders.PowerMode(mode=name):
                known = [number for number, mode in _MODES.items() if mode == name]
                if not known:
                    raise self.unsupported(intent, f"it has no mode {name!r}")
                if before == _ASLEEP:
                    raise NotNow(f"{self.place}: sleeps, and its mode says so; wake it first")
                after = known[0]
            case _:
                after = self._woken_mode if before == _ASLEEP else before
        key = _mode_key(settings)
        changed = {key: after if isinstance(plain(settings, key), str) else int(after)}
        return needed(key, before, after, lambda: self._write(settings, changed))

    def _fan(self, percent: int | None, settings: Settings) -> Sequence[Step]:
        is_fixed = plain(settings, "bitmain-fan-ctrl") is True
        before = str(plain(settings, "bitmain-fan-pwm")) if is_fixed else "auto"
        after = "auto" if percent is None else str(percent)
        changed: dict[str, object] = {"bitmain-fan-ctrl": percent is not None}
        if percent is not None:
            changed["bitmain-fan-pwm"] = str(percent)
        return needed("bitmain-fan-pwm", before, after, lambda: self._write(settings, changed))

    def _change_pools(self, pools: tuple[orders.Pool, ...], settings: Settings) -> Sequence[Step]:
        if len(pools) > _POOLS:
            raise self.unsupported(orders.ChangePools(pools=pools), f"it has {_POOLS} pools")
        wanted = [{"url": p.url, "user": p.user, "pass": p.password} for p in pools]
        wanted += [{"url": "", "user": "", "pass": ""}] * (_POOLS - len(pools))
        if plain(settings, "pools") == wanted:
            return []
        changed: dict[str, object] = {"pools": wanted}
        change = orders.Change(
            key="pools", before=pool_text(_pools_of(settings)), after=pool_text(pools)
        )
        return [Step(change, lambda: self._write(settings, changed))]

    async def _light(self, is_on: bool) -> Sequence[Step]:
        page = await self.pages.get(_BLINKS)
        before = plain(whole(page, self.pages.place(_BLINKS)), "blink")
        said = {"blink": "true" if is_on else "false"}
        return needed("blink", before, is_on, lambda: self._tell(_BLINK, said))

    async def _settings(self) -> Settings:
        """Read the settings; without a pool they are not taken for whole."""
        settings = whole(await self.pages.get(CONF), self.pages.place(CONF))
        if not _pools_of(settings):
            place = self.pages.place(CONF)
            raise BadAnswer(f"{place}: its settings came without a pool; nothing was written")
        return settings

    async def _write(self, settings: Settings, changed: Mapping[str, object]) -> str:
        """Send all settings back as they came, but for what is to change."""
        told: dict[str, object] = {**settings, **changed}
        told |= {_TOLD_AS[key]: told[key] for key in settings if key in _TOLD_AS}
        mode = as_number(plain(settings, _mode_key(settings)))
        after = as_number(changed.get(_mode_key(settings), mode))
        if after is not None:
            told["miner-mode"] = int(after)
        return await self._tell(_SET, told)

    async def _tell(self, path: str, told: Mapping[str, object]) -> str:
        response = await self.pages.request("POST", path, msgspec.json.encode(told))
        place = self.pages.place(path)
        return _agreed(response.good(place), place)

    async def _reboot(self) -> str:
        place = self.pages.place(_REBOOT)
        said = (await self.pages.request("POST", _REBOOT)).good(place)
        return _agreed(said, place) if said.lstrip().startswith(b"{") else "rebooting"

    async def _firmware(self, intent: orders.UpdateFirmware) -> Sequence[Step]:
        image = await images.checked(self._rig.images, intent)
        await self._settings()  # they are whole, and the login is fresh
        return install(intent, lambda: self._upgrade(image))

    async def _upgrade(self, image: Image) -> str:
        """Send the image as the only part: the page takes all after the first head for the image.

        The name of the part is not looked at.
        """
        place = self.pages.place(_UPGRADE)
        response = await self.pages.upload(_UPGRADE, images.in_form(image, "firmware"))
        return _agreed(response.good(place), place)

    async def rates(self) -> list[float]:
        """Read the rates that the mining program tells; none while it does not run."""
        rig = self._rig
        try:
            data = await client.ask(rig.host, rig.port, "stats", deadline=rig.deadline())
            stats = rows(decode(data, self.place).body, "STATS")
        except (Unreachable, BadAnswer):
            return []
        return [rate for row in stats if (rate := hashrate_ths(row)) is not None]

    async def _is_asleep(self, mode: str | None) -> bool | None:
        """Believe in sleep only when the mining program runs, and does not hash."""
        rates = await self.rates()
        if mode is None or not rates:
            return None
        if mode != _ASLEEP:
            return False
        return None if max(rates) > 0 else True


def faults(replies: Replies) -> list[str] | None:
    """Name what the page with the rig's own verdict calls bad; None when it did not come."""
    if WEB_SUMMARY not in replies.by_command:
        return None
    verdicts = rows(replies.row(WEB_SUMMARY, "SUMMARY"), "status")
    return [text(one, "type") for one in verdicts if text(one, "status") not in ("", "s")]


def mode_of(settings: Settings) -> str | None:
    """Give the work mode that settings hold, as text; None when they hold none."""
    mode = plain(settings, _mode_key(settings))
    return str(mode) if isinstance(mode, (int, str)) and str(mode).isdigit() else None


def _agreed(answer: bytes, place: str) -> str:
    """Give what the rig said, if it is a yes."""
    said = answer.decode("utf-8", "replace").strip()[:200]
    try:
        row = msgspec.json.decode(said, type=dict[str, object])
    except msgspec.MsgspecError as error:
        raise BadAnswer(f"{place}: said neither yes nor no: {said[:40]!r}") from error
    code = str(row.get("code", ""))
    if row.get("stats", "success") != "success" or not code.startswith(("M000", "U000", "B")):
        raise BadAnswer(f"{place}: refused with code {code or 'none'}")
    return said


def _mode_key(settings: Settings) -> str:
    return next((key for key in MODE_KEYS if key in settings), MODE_KEYS[0])


def _pools_of(settings: Settings) -> list[orders.Pool]:
    listed = plain(settings, "pools")
    if not isinstance(listed, list):
        return []
    return [
        orders.Pool(url=str(pool["url"]), user=str(pool.get("user", "")))
        for pool in listed
        if isinstance(pool, dict) and isinstance(pool.get("url"), str) and pool["url"].strip()
    ]
