"""Acting on ePIC's firmware: every order is a POST with the password in it, answered by `result`.

It has no power limit. What it tunes to is a hashrate, so its presets are hashrates in TH/s, which
the rig lists with the power that each is expected to take.
"""

import re
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from lode_edge import images
from lode_edge.drivers.acting import Abilities, Posture
from lode_edge.drivers.asic.hands import Rig, offered
from lode_edge.drivers.asic.reply import Row, decode, number, rows, text
from lode_edge.drivers.asic.steps import (
    Step,
    Stepwise,
    awake,
    install,
    needed,
    pools_needed,
    restart,
    whole,
)
from lode_edge.drivers.driver import Login
from lode_edge.errors import BadAnswer, Unsupported
from lode_edge.http import Response, Web
from lode_edge.images import Image
from lode_wire import orders

DEFAULT_LOGIN = Login(password="letmein")  # noqa: S106 -- as it is installed
MAX_POOLS = 3
_MAX_ERRORS = 8
_LONGEST_ERROR = 40  # characters
_NO_CODE = re.compile(r"[^A-Za-z0-9_.-]+")
_UPDATE = "/systemupdate"
_SLOWEST_FAN = 1  # percent
_BAD_PASSWORD = "BadPassword"  # noqa: S105 -- the name of an error


async def page(web: Web, path: str, deadline: float) -> bytes:
    """Get a page.

    Raises:
        DriverError: it did not come.
    """
    response = await web.request("GET", path, deadline=deadline)
    return response.good(f"{web.host}:{web.port} {path}")


class EpicHands(Stepwise):
    """The hands for one rig."""

    offers = offered(
        orders.Sleep, orders.Wake, orders.Preset, orders.FanSpeed, orders.RestartMining,
        orders.Reboot, orders.FaultLight, orders.ChangePools, orders.UpdateFirmware,
    )  # fmt: skip

    def __init__(self, rig: Rig) -> None:
        super().__init__(f"{rig.host}:{rig.port}")
        self._rig = rig
        self._web = Web(rig.host, rig.port)
        self._password = (rig.login or DEFAULT_LOGIN).password
        self._auto: object = None  # how the rig turned its fans before they were fixed

    async def abilities(self) -> Abilities:
        """Ask for the presets that its present tuning takes."""
        presets = await self._presets(await self._get("/summary"))
        return Abilities(actions=self.offers, presets=presets)

    async def posture(self) -> Posture:
        """Read all of it from `/summary`."""
        summary = await self._get("/summary")
        light = _inner(summary, "Misc").get("Locate Miner State")
        return Posture(
            is_asleep=_is_asleep(summary),
            preset=_target(_algorithm(summary)[1]),
            fan_percent=whole(number(_fan_mode(summary), "Manual")),
            is_light_on=light if isinstance(light, bool) else None,
        )

    async def steps(self, intent: orders.Intent) -> Sequence[Step]:
        """Work out the one request that the intent takes."""
        match intent:
            case orders.Reboot():
                return restart("system", self._post("/reboot", 0))
            case orders.UpdateFirmware():
                image = await images.checked(self._rig.images, intent)
                return install(intent, lambda: self._update(image))
            case _:
                return await self._by_summary(intent, await self._get("/summary"))

    async def _by_summary(self, intent: orders.Intent, summary: Row) -> Sequence[Step]:
        match intent:
            case orders.Sleep() | orders.Wake():
                after = isinstance(intent, orders.Sleep)
                change = self._post("/miner", "Stop" if after else "Autostart")
                return needed("stopped", is_stopped(summary), after, change)
            case orders.RestartMining():
                awake(self.place, intent.action, is_asleep=_is_asleep(summary))
                return restart("miner", self._post("/softreboot", None))
            case orders.FaultLight(is_on=is_on):
                light = _inner(summary, "Misc").get("Locate Miner State")
                return needed("Locate Miner State", light, is_on, self._post("/identify", is_on))
            case orders.FanSpeed(percent=percent):
                return self._fans(intent, summary, percent)
            case orders.Preset():
                return await self._preset(intent, summary)
            case _:
                return self._pools(intent, summary)

    def _fans(self, intent: orders.Intent, summary: Row, percent: int | None) -> Sequence[Step]:
        mode = _fan_mode(summary)
        fixed = whole(number(mode, "Manual"))
        if "Auto" in mode:
            self._auto = mode["Auto"]
        if percent is None:
            if fixed is None:
                return []
            if self._auto is None:
                why = "how it turned its fans before is not known; set its target temperature there"
                raise self.unsupported(intent, why)
            return needed(
                "Fan Mode", f"{fixed} %", "auto", self._post("/fanspeed", {"Auto": self._auto})
            )
        if percent < _SLOWEST_FAN:
            raise self.unsupported(intent, f"its fans turn at {_SLOWEST_FAN} % or more")
        before = "auto" if fixed is None else f"{fixed} %"
        return needed(
            "Fan Mode", before, f"{percent} %", self._post("/fanspeed", {"Manual": percent})
        )

    async def _preset(self, intent: orders.Preset, summary: Row) -> Sequence[Step]:
        name, told = _algorithm(summary)
        offered = await self._presets(summary)
        if intent.name not in offered:
            why = f"it has no preset {intent.name!r}; it has {', '.join(offered) or 'none'}"
            raise self.unsupported(intent, why)
        # All that the tuning is told must be told again, or it falls back to its default.
        param: Row = {"algo": name, "target": int(intent.name)}
        kept = {"min_throttle": "Min Throttle Target", "throttle_step": "Throttle Step"}
        param |= {key: told[said] for key, said in kept.items() if told.get(said) is not None}
        change = self._post("/perpetualtune/algo", param)
        return needed(f"{name} Target", _target(told), intent.name, change)

    def _pools(self, intent: orders.Intent, summary: Row) -> Sequence[Step]:
        if not isinstance(intent, orders.ChangePools):
            raise self.unsupported(intent)
        if len(intent.pools) > MAX_POOLS:
            raise self.unsupported(intent, f"it takes {MAX_POOLS} pools, not {len(intent.pools)}")
        coin = text(_inner(summary, "Mining"), "Coin")
        unique = _inner(summary, "Stratum").get("Worker Unique Id")
        if not coin or not isinstance(unique, bool):
            raise BadAnswer(f"{self.place}: does not say how its pools are set; nothing was sent")
        found = rows(summary, "StratumConfigs")
        before = ", ".join(f"{text(row, 'login')}@{text(row, 'pool')}" for row in found) or "none"
        pools = [{"pool": p.url, "login": p.user, "password": p.password} for p in intent.pools]
        param = {"coin": coin, "stratum_configs": pools, "unique_id": unique}
        return pools_needed("StratumConfigs", before, intent.pools, self._post("/coin", param))

    async def _presets(self, summary: Row) -> dict[str, float | None]:
        """List the hashrates that the rig proposes, with their power, as its tuning takes them."""
        name, told = _algorithm(summary)
        if not told:
            return {}
        about = await self._get("/capabilities")
        limits = next(
            (row for row in rows(about, "PerpetualTune") if row.get("algorithm") == name), {}
        )
        low, high = number(limits, "min"), number(limits, "max")
        proposed = ((number(row, "hashrate"), row) for row in rows(about, "Tune Presets"))
        return {
            str(round(ths)): number(row, "power")
            for ths, row in proposed
            if ths is not None and (low is None or ths >= low) and (high is None or ths <= high)
        }

    def _post(self, path: str, param: object) -> Callable[[], Awaitable[str]]:
        async def send() -> str:
            body = msgspec.json.encode({"param": param, "password": self._password})
            response = await self._web.request(
                *("POST", path),
                headers={"Content-Type": "application/json"},
                body=body,
                deadline=self._rig.deadline(),
            )
            return self._agreed(response, path)

        return send

    async def _update(self, image: Image) -> str:
        told = {"password": self._password, "checksum": image.sha256, "keepsettings": "true"}
        form = images.in_form(image, "update.zip", fields=told, content_type="application/zip")
        return self._agreed(await images.post(self._web, _UPDATE, form), _UPDATE)

    def _agreed(self, response: Response, path: str) -> str:
        place = f"{self.place} {path}"
        answer = decode(response.good(place), place).body
        if answer.get("result") is True:
            return f"{path}: done"
        error = str(answer.get("error"))[:80]
        if error == _BAD_PASSWORD:
            raise Unsupported(f"{place}: refused the password; check its secrets")
        raise BadAnswer(f"{place}: failed: {error}")

    async def _get(self, path: str) -> Row:
        """Get a page whole: half of the settings is none."""
        place = f"{self.place} {path}"
        reply = decode(await page(self._web, path, self._rig.deadline()), place)
        if reply.quality:
            raise BadAnswer(f"{place}: did not come whole")
        return reply.body


def _inner(row: Row, key: str) -> Row:
    found = rows(row, key)
    return found[0] if found else {}


def _is_asleep(summary: Row) -> bool | None:
    state = text(_inner(summary, "Status"), "Operating State")
    return state == "Idling" if state else None


def is_stopped(summary: Row) -> bool | None:
    """Tell whether it idles because it was told to; None when it may lack its pool, or have failed.

    It idles by itself when its pool is lost (`IdleOnConnectionLost`).
    """
    if not _is_asleep(summary) or text(_inner(summary, "Status"), "Last Command").lower() == "stop":
        return _is_asleep(summary)
    is_connected = _inner(summary, "Stratum").get("IsPoolConnected") is True
    return True if is_connected and not errors(summary) else None


def errors(summary: Row) -> list[str]:
    """Give the last error as a code: it is a text, or texts in an object."""
    said = _inner(summary, "Status").get("Last Error")
    words = list(said.values())[:_MAX_ERRORS] if isinstance(said, dict) else [said]
    told = (word.strip() for word in words if isinstance(word, str))
    return [_NO_CODE.sub("-", word[:_LONGEST_ERROR]) for word in told if word]


def _fan_mode(summary: Row) -> Row:
    return _inner(_inner(summary, "Fans"), "Fan Mode")


def _algorithm(summary: Row) -> tuple[str, Row]:
    """Give the name and the figures of the tuning at work; none when the rig is not tuned."""
    tuning = _inner(summary, "PerpetualTune")
    if tuning.get("Running") is not True:
        return "", {}
    for name, told in _inner(tuning, "Algorithm").items():
        if isinstance(told, dict):
            return name, told
    return "", {}


def _target(told: Row) -> str | None:
    target = number(told, "Target")
    return None if target is None else str(round(target))
