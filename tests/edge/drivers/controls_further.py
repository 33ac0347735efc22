"""Further rows of SUBJECTS: WhatsMiner, Braiins OS, ePIC and BitAxe."""

import json
from typing import Any

from tests.edge.drivers.controls import COMMON, SUBJECTS, Kept, Subject

from lode_edge.drivers.acting import Posture
from lode_sim.rig import Rig
from lode_sim.vendors import bitaxe, braiins_web, epic, whatsminer_orders
from lode_wire import orders


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _texts(settings: dict[str, Any], rig: Rig) -> Kept:
    return {key: _text(value) for key, value in settings.items()} | {
        "asleep": _text(rig.mode == "sleep")
    }


def _named(**names: str) -> dict[str, frozenset[str]]:
    return {action: frozenset(keys.split()) for action, keys in names.items()}


def _whatsminer_kept(rig: Rig) -> Kept:
    pools = rig.kept.get("pools", "as recorded")
    return _texts(whatsminer_orders.settings(rig), rig) | {"pools": _text(pools)}


def _whatsminer_truth(rig: Rig) -> Posture:
    kept = whatsminer_orders.settings(rig)
    return Posture(
        is_asleep=rig.mode == "sleep",
        power_limit_w=float(kept["power_limit_set"]),
        mode=kept["power_mode"],
        is_light_on=kept["ledstat"] != "auto",
    )


def _whatsminer_pools(rig: Rig) -> list[str]:
    return [pool["url"] for pool in rig.kept.get("pools", [{"url": "as recorded"}])]


def _braiins_kept(rig: Rig) -> Kept:
    return _texts(braiins_web.settings(rig), rig)


def _braiins_truth(rig: Rig) -> Posture:
    kept = braiins_web.settings(rig)
    return Posture(
        is_asleep=rig.mode == "sleep",
        power_limit_w=float(kept["power_target"]),
        is_light_on=kept["locate"],
    )


def _braiins_pools(rig: Rig) -> list[str]:
    groups = braiins_web.settings(rig)["groups"]
    return [pool["url"] for group in groups for pool in group["pools"]]


def _epic_tuning(rig: Rig) -> dict[str, Any]:
    (tuning,) = epic.settings(rig)["Algorithm"].values()
    return dict(tuning)


def _epic_kept(rig: Rig) -> Kept:
    kept, tuning = dict(epic.settings(rig)), _epic_tuning(rig)
    target = tuning.pop("Target")
    tuning.pop("Optimized")  # which a new target has to become
    kept["Algorithm"] = {next(iter(kept["Algorithm"])): tuning}
    kept = {key.replace(" ", "-"): value for key, value in kept.items()}
    return _texts(kept, rig) | {"Target": _text(target)}


def _epic_truth(rig: Rig) -> Posture:
    kept = epic.settings(rig)
    return Posture(
        is_asleep=rig.mode == "sleep",
        preset=str(_epic_tuning(rig)["Target"]),
        fan_percent=kept["Fan Mode"].get("Manual"),
        is_light_on=kept["Locate"],
    )


def _epic_pools(rig: Rig) -> list[str]:
    return [pool["pool"] for pool in epic.settings(rig)["StratumConfigs"]]


def _bitaxe_truth(rig: Rig) -> Posture:
    kept = bitaxe.settings(rig)
    return Posture(
        is_asleep=rig.mode == "sleep",
        fan_percent=kept["fanspeed"] if kept["autofanspeed"] == 0 else None,
    )


_ASLEEP = {"sleep": "asleep", "wake": "asleep"}
_WHATSMINER = _named(
    **_ASLEEP,
    power_mode="power_mode",
    power_limit="power_limit_set",
    fault_light="ledstat",
    pools="pools",
)
_BRAIINS = _named(**_ASLEEP, power_limit="power_target", fault_light="locate", pools="groups")
_BITAXE = _named(
    **_ASLEEP,
    fan_speed="fanspeed autofanspeed",
    pools="stratumURL stratumPort stratumUser stratumPassword fallbackStratumURL "
    "fallbackStratumPort fallbackStratumUser fallbackStratumPassword",
)


def _whatsminer(model: str) -> Subject:
    return Subject(
        model=model,
        kept=_whatsminer_kept,
        touches=_WHATSMINER,
        truth=_whatsminer_truth,
        pools=_whatsminer_pools,
    )


def _braiins(model: str) -> Subject:
    return Subject(
        model=model,
        kept=_braiins_kept,
        touches=_BRAIINS,
        truth=_braiins_truth,
        pools=_braiins_pools,
    )


FURTHER: dict[str, Subject] = {
    "whatsminer": _whatsminer("whatsminer-m50s"),
    "whatsminer_v3": _whatsminer("whatsminer-m60s"),
    "braiins_rest": _braiins("braiins-s21pro"),
    "braiins_graphql": _braiins("braiins-s19jpro-graphql"),
    "epic": Subject(
        model="epic-s19xp",
        kept=_epic_kept,
        touches=_named(
            **_ASLEEP,
            preset="Target",
            fan_speed="Fan-Mode",
            fault_light="Locate",
            pools="StratumConfigs",
        ),
        truth=_epic_truth,
        intents=(*COMMON, orders.Preset(name="120"), orders.Preset(name="142")),
        pools=_epic_pools,
    ),
    "bitaxe": Subject(
        model="bitaxe-gamma",
        kept=lambda rig: _texts(bitaxe.settings(rig), rig),
        touches=_BITAXE,
        truth=_bitaxe_truth,
        pools=lambda rig: [bitaxe.settings(rig)["stratumURL"]],
    ),
}
ALL = SUBJECTS | FURTHER
