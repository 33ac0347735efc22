"""What a rule may say: its words, its delays, its severity and stake, its thresholds.

A rule with a `metric` is a threshold of somebody's own; one without sets what a detector of the
hub does by that name.
"""

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from lode_hub.errors import InvalidError

Cause = Literal[
    "heat", "hash", "power", "link", "pool", "control", "quality", "money", "cooling", "other"
]
CAUSES: tuple[str, ...] = get_args(Cause)
ORDERS = ("order", "limit")
"""In `inhibited_by`: an order that has the rig down, and one that lets it run on less power."""

DAY_S = 86_400.0
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
Text = Annotated[str, Field(max_length=200)]
Plain = Annotated[float, Field(allow_inf_nan=False)]
Threshold = Annotated[float, Field(ge=0, le=1e6)]

METRICS: Mapping[str, tuple[str, ...]] = {
    "rig": (
        "hashrate_ths", "power_w", "board_temp_c", "chip_temp_c", "inlet_temp_c", "fan_rpm",
        "accepted_shares", "rejected_shares", "uptime_s", "chips_alive", "boards_alive",
        "fans_alive",
    ),
    "meter": (
        "power_w", "energy_in_kwh", "energy_out_kwh", "voltage_v", "current_a", "freq_hz",
        "power_factor",
    ),
}  # fmt: skip
"""What a threshold may be on; of a point, its name."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Scope(_Part):
    """Which devices a threshold is about: all that is given must fit, '*' stands for anything."""

    site: Text | None = None
    model: Text | None = None
    rack: Text | None = None
    device: Text | None = None  # the meter's, the rig's, or the point's device's name


class Rule(_Part):
    """One rule as it is in effect."""

    name: Name
    title: Annotated[str, Field(max_length=200)] = ""
    enabled: bool = True
    cause: Cause = "other"
    severity: Literal["info", "warning", "critical"] | None = None  # None: as its detector says
    on_delay_s: float = Field(default=0, ge=0, le=DAY_S)
    off_delay_s: float = Field(default=0, ge=0, le=DAY_S)
    inhibited_by: Annotated[tuple[Text, ...], Field(max_length=50)] = ("agent-stale",)
    stake: Literal["none", "lost", "all"] = "none"
    # None: what the site's series of it says, where it has a fresh one; else 0.05.
    hashprice_usd_th_d: float | None = Field(default=None, ge=0, le=100)
    escalate_usd_h: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    thresholds: Annotated[dict[str, Threshold], Field(max_length=50)] = {}
    # A threshold of one's own:
    of: Literal["rig", "meter", "point"] = "rig"
    metric: Text | None = None
    scope: Scope = Scope()
    above: Plain | None = None
    below: Plain | None = None
    for_s: float = Field(default=0, ge=0, le=DAY_S)
    clear_at: Plain | None = None  # deadband: ends only on the other side of this

    @model_validator(mode="after")
    def _fits_together(self) -> "Rule":
        if self.metric is None:
            own = ("above", "below", "clear_at", "for_s", "scope", "of")
            # By value: what is read back from the database has every field.
            fields = type(self).model_fields
            strange = {name for name in own if getattr(self, name) != fields[name].default}
            if strange:
                raise ValueError(f"{', '.join(sorted(strange))} without a metric; name one")
            return self
        if self.of != "point" and self.metric not in METRICS[self.of]:
            raise ValueError(
                f"no metric {self.metric!r} of a {self.of}; {hint(self.metric, METRICS[self.of])}"
            )
        if (self.above is None) == (self.below is None):
            raise ValueError("give either above or below")
        limit, clear = self.limit, self.clear
        if (self.above is not None and clear > limit) or (self.below is not None and clear < limit):
            raise ValueError(
                f"clear_at {clear:g} lies beyond the limit {limit:g}; it would clear at once"
            )
        return self

    @property
    def limit(self) -> float:
        """The value beyond which a threshold fires."""
        return self.above if self.above is not None else self.below or 0.0

    @property
    def clear(self) -> float:
        """The value at which it ends."""
        return self.limit if self.clear_at is None else self.clear_at


def made(body: Mapping[str, Any], where: str) -> Rule:
    """Make a rule of what its layers say.

    Raises:
        InvalidError: something of it cannot be; says where, what, and what to do.
    """
    try:
        return Rule.model_validate(body)
    except ValidationError as error:
        raise InvalidError("; ".join(_explain(error, where))) from None


def merged(layers: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Lay later layers over earlier ones, key by key, and inside thresholds and scope too."""
    body: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            is_table = isinstance(value, Mapping) and isinstance(body.get(key), Mapping)
            body[key] = {**body[key], **value} if is_table else value
    return body


def check_together(rules: Sequence[Rule]) -> None:
    """Refuse rules of which each would silence the other, so that nobody would be told.

    Raises:
        InvalidError: there is a circle of `inhibited_by`.
    """
    by_name = {rule.name: rule for rule in rules}
    known = {*by_name, *CAUSES, *ORDERS}
    for rule in rules:
        for other in rule.inhibited_by:
            if other not in known:
                raise InvalidError(
                    f"rule {rule.name}: inhibited_by {other!r} is neither a rule nor a cause; "
                    f"{hint(other, known)}"
                )
    silencers = {
        rule.name: {
            other.name
            for other in rules
            if other is not rule and {other.name, other.cause} & set(rule.inhibited_by)
        }
        for rule in rules
    }
    done: set[str] = set()
    for name in silencers:
        _refuse_circle(name, silencers, [], done)


def _refuse_circle(
    name: str, silencers: Mapping[str, set[str]], path: list[str], done: set[str]
) -> None:
    if name in path:
        circle = " by ".join([*path[path.index(name) :], name])
        raise InvalidError(
            f"rules: each would silence the other: {circle}; take one out of inhibited_by"
        )
    if name in done:
        return
    for other in sorted(silencers[name]):
        _refuse_circle(other, silencers, [*path, name], done)
    done.add(name)


def hint(given: str, known: Iterable[str]) -> str:
    """Say what may have been meant."""
    listed = sorted(known)
    close = difflib.get_close_matches(given, listed, n=1)
    return f"did you mean {close[0]}?" if close else f"use one of {', '.join(listed)}"


def _explain(error: ValidationError, where: str) -> Iterator[str]:
    for one in error.errors():
        key = ".".join(str(part) for part in one["loc"])
        place = f"{where}: {key}" if key else where
        if one["type"] == "extra_forbidden":
            fields = Scope.model_fields if one["loc"][0] == "scope" else Rule.model_fields
            yield f"{place}: unknown key; {hint(str(one['loc'][-1]), fields)}"
        elif one["type"] == "value_error":
            yield f"{place}: {str(one['msg']).removeprefix('Value error, ')}"
        else:
            yield f"{place}: {one['msg'].lower()} (is {str(one['input'])[:60]!r}); mend it there"
