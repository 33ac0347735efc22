"""What is answered about the planner at work. Times are Unix ms, powers W at the meter."""

from dataclasses import dataclass
from typing import Literal

PlannerMode = Literal["off", "advise", "act"]


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanClass:
    """Rigs that are alike; `modes` by rising power, the last as their owner set them."""

    name: str
    model: str
    feeder: str
    rigs: int
    efficiency_jth: float
    modes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanPeriod:
    """What is planned from one moment to another; `rigs` by class and mode, `sleep` among them."""

    from_ms: int
    until_ms: int
    power_w: float
    hashrate_ths: float
    price_usd_mwh: float  # all in
    setpoint_w: float | None
    cap_w: float | None
    rigs: dict[str, dict[str, int]]


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanReason:
    """What the plan could not keep, or why it is as it is."""

    kind: str
    where: str
    from_ms: int
    amount: float
    unit: str


@dataclass(frozen=True, kw_only=True, slots=True)
class LeftOutRig:
    """A rig that the plan does not move, and why; `detail` is what more is known of that."""

    device_id: int
    name: str
    reason: str
    detail: str


@dataclass(frozen=True, kw_only=True, slots=True)
class LimitRow:
    """What bounds a site, an agent's rigs, a feeder or a model, and by whose word.

    `typed` is what a person wrote in the document of limits, `own` what the agents' envelopes say,
    signed by the site's owner; None: not said. `holds` names the tighter; `is_looser` when what is
    typed allows more than the agents do. `is_default` when nobody wrote `typed`: it is Lode's.
    """

    where: str
    what: str
    unit: str
    typed: float | None
    own: float | None
    holds: Literal["typed", "own"]
    is_looser: bool
    is_default: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanRow:
    """A plan, and what it rests on; `is_sent` when it is the site's standing orders.

    `notes` say what about it is not sure, `decision` why it was sent or not. `gain_usd` is what it
    earns more than the orders that stand. `left_out_by_reason` counts every rig that is left out;
    `left_out` names all of them in a preview, and the first 500 in a plan that is kept.
    """

    site: str
    mode: PlannerMode
    made_ms: int
    cause: str
    is_sent: bool
    decision: str
    periods: tuple[PlanPeriod, ...]
    classes: tuple[PlanClass, ...]
    left_out: tuple[LeftOutRig, ...]
    left_out_by_reason: dict[str, int]
    reasons: tuple[PlanReason, ...]
    notes: tuple[str, ...]
    profit_usd: float | None
    bound_usd: float | None
    gain_usd: float | None
    fixed_w: float
    unexplained_w: float
    baseline_w: float
    hashprice: str
    documents: tuple[tuple[str, str, int], ...]  # kind, name, revision
    commands: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannerState:
    """What a person lets the planner do at a site."""

    site: str
    mode: PlannerMode
    person: str | None
    at_ms: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class LoopRow:
    """How a site follows its setpoint: measured by meters, or by what rigs say (`source`).

    `shed` and `restored` are rigs held otherwise than planned, `disobeying` those that do not do
    what they are told.
    """

    site: str
    at_ms: int
    is_active: bool
    measured_w: float | None
    source: str
    setpoint_w: float | None
    error_w: float | None
    shed: tuple[str, ...] = ()
    restored: tuple[str, ...] = ()
    disobeying: tuple[str, ...] = ()
    says: str = ""
