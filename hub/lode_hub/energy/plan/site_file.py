"""SITE.toml: a site for the planner, read, checked and turned into nouns; see docs/energy.md."""

import itertools
import tomllib
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
import numpy as np

from lode_hub.energy.nouns import Feeder, Mode, RigClass, Site, Standing
from lode_hub.errors import HubError

MAX_BYTES = 1 << 20
MAX_RIGS = 1_000_000
DOCS = "see docs/energy.md, The site file"

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
NotNegative = Annotated[float, msgspec.Meta(ge=0, le=1e9)]
Positive = Annotated[float, msgspec.Meta(gt=0, le=1e9)]
Usd = Annotated[float, msgspec.Meta(ge=-1e6, le=1e6)]
Hour = Annotated[int, msgspec.Meta(ge=0, le=24)]
Pue = Annotated[float, msgspec.Meta(ge=1, le=5)]


class PlanFileError(HubError):
    """A file for the planner cannot be used."""


class _Form(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Frozen, named, and nothing else in it."""


class SiteForm(_Form, frozen=True, kw_only=True):
    """The table `[site]`."""

    name: Name
    limit_kw: Positive
    hashprice_usd_phd: Positive
    ramp_kw_min: Positive | None = None
    pool_fee_ratio: Annotated[float, msgspec.Meta(ge=0, lt=1)] = 0.0
    pue: Pue | Annotated[list[tuple[float, Pue]], msgspec.Meta(min_length=1, max_length=100)] = 1.0
    adder_usd_mwh: Usd = 0.0
    timezone: Name = "UTC"


class FeederForm(_Form, frozen=True, kw_only=True):
    """One `[[feeder]]`."""

    name: Name
    limit_kw: Positive
    ramp_kw_min: Positive | None = None


class ModeForm(_Form, frozen=True, kw_only=True):
    """One of a class's `modes`."""

    name: Name
    power_w: Positive
    hashrate_ths: Positive


class ClassForm(_Form, frozen=True, kw_only=True):
    """One `[[class]]`."""

    name: Name
    count: Annotated[int, msgspec.Meta(ge=1, le=MAX_RIGS)]
    feeder: Name
    modes: Annotated[tuple[ModeForm, ...], msgspec.Meta(min_length=1, max_length=100)]
    sleep_w: NotNegative = 0.0
    start_cost_usd: NotNegative = 0.0
    warm_up_s: NotNegative = 0.0
    min_up_s: NotNegative = 0.0
    min_down_s: NotNegative = 0.0
    starts_per_day: Annotated[int, msgspec.Meta(ge=0, le=1000)] | None = None


class DemandForm(_Form, frozen=True, kw_only=True):
    """One `[[demand_charge]]`: counts on `weekdays` (1 is Monday) from one full hour to another."""

    name: Name
    usd_kw: Positive
    from_hour: Hour = 0
    to_hour: Hour = 24
    weekdays: tuple[Annotated[int, msgspec.Meta(ge=1, le=7)], ...] = (1, 2, 3, 4, 5, 6, 7)
    peak_kw: NotNegative = 0.0


class CommitmentForm(_Form, frozen=True, kw_only=True):
    """One `[[commitment]]`, from a moment till another."""

    name: Name
    kind: Literal["reduce_to", "reduce_by", "all"]
    begin: datetime
    end: datetime
    penalty_usd_mwh: NotNegative
    kw: NotNegative = 0.0
    baseline_kw: NotNegative = 0.0


class SiteFile(_Form, frozen=True, kw_only=True):
    """The whole file."""

    site: SiteForm
    feeder: Annotated[tuple[FeederForm, ...], msgspec.Meta(min_length=1, max_length=100)]
    rig_class: Annotated[tuple[ClassForm, ...], msgspec.Meta(min_length=1, max_length=500)] = (
        msgspec.field(name="class")
    )
    demand_charge: Annotated[tuple[DemandForm, ...], msgspec.Meta(max_length=20)] = ()
    commitment: Annotated[tuple[CommitmentForm, ...], msgspec.Meta(max_length=1000)] = ()

    @property
    def zone(self) -> ZoneInfo:
        """Give the time zone that the site's days and hours are in."""
        return ZoneInfo(self.site.timezone)


def read(path: Path) -> SiteFile:
    """Read and check a site's file.

    Raises:
        PlanFileError: it is not there, not TOML, or says something that cannot be.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise PlanFileError(f"{path}: more than {MAX_BYTES} bytes; a site needs a few thousand")
        found = msgspec.convert(tomllib.loads(path.read_text("utf-8")), SiteFile)
    except OSError as error:
        raise PlanFileError(f"{path}: {error.strerror}; give a file that can be read") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PlanFileError(f"{path}: not TOML: {error}; mend the line") from None
    except msgspec.ValidationError as error:
        raise PlanFileError(f"{path}: {error}; {DOCS}") from None
    for trouble in _troubles(found):
        raise PlanFileError(f"{path}: {trouble}; {DOCS}")
    return found


def site_of(file: SiteFile, step_s: float) -> Site:
    """Make the site the planner speaks of, for periods of so many seconds."""
    pue = file.site.pue
    return Site(
        name=file.site.name,
        classes=tuple(_class_of(form) for form in file.rig_class),
        feeders=tuple(
            Feeder(name=f.name, limit_w=1000.0 * f.limit_kw, ramp_kw_min=f.ramp_kw_min)
            for f in file.feeder
        ),
        limit_w=1000.0 * file.site.limit_kw,
        step_s=step_s,
        ramp_kw_min=file.site.ramp_kw_min,
        pool_fee_ratio=file.site.pool_fee_ratio,
        pue=tuple(pue) if isinstance(pue, list) else ((20.0, pue),),
    )


def all_on(site: Site) -> tuple[Standing, ...]:
    """Give the standing a backtest begins with: every rig in full, and for long."""
    return tuple(
        Standing(
            mode=np.full(kind.count, kind.modes.index(kind.full)),
            since_s=np.full(kind.count, np.inf),
            starts=np.zeros(kind.count, dtype=np.int64),
        )
        for kind in site.classes
    )


def _class_of(form: ClassForm) -> RigClass:
    modes = sorted(form.modes, key=lambda mode: mode.power_w)
    return RigClass(
        name=form.name,
        count=form.count,
        modes=tuple(
            Mode(name=m.name, power_w=m.power_w, hashrate_ths=m.hashrate_ths) for m in modes
        ),
        feeder=form.feeder,
        sleep_w=form.sleep_w,
        start_cost_usd=form.start_cost_usd,
        warm_up_s=form.warm_up_s,
        min_up_s=form.min_up_s,
        min_down_s=form.min_down_s,
        starts_per_day=form.starts_per_day,
    )


def _troubles(file: SiteFile) -> Iterable[str]:
    try:
        ZoneInfo(file.site.timezone)
    except (ZoneInfoNotFoundError, ValueError):
        yield f"site.timezone: no zone {file.site.timezone!r}; use a name such as America/Chicago"
    pue = file.site.pue
    if isinstance(pue, list) and any(low[0] >= high[0] for low, high in itertools.pairwise(pue)):
        yield "site.pue: temperatures do not rise; put the points in order"
    yield from _twice("feeder", [feeder.name for feeder in file.feeder])
    yield from _twice("class", [form.name for form in file.rig_class])
    if sum(form.count for form in file.rig_class) > MAX_RIGS:
        yield f"class: more than {MAX_RIGS} rigs; plan the sites one by one"
    for form in file.rig_class:
        yield from _class_troubles(form, [feeder.name for feeder in file.feeder])
    for charge in file.demand_charge:
        if charge.from_hour >= charge.to_hour:
            yield f"demand_charge {charge.name}: from_hour is not before to_hour"
    for promise in file.commitment:
        yield from _commitment_troubles(promise)


def _class_troubles(form: ClassForm, feeders: list[str]) -> Iterable[str]:
    if form.feeder not in feeders:
        yield f"class {form.name}: no feeder {form.feeder!r}; there are: {', '.join(feeders)}"
    yield from _twice(f"class {form.name}: mode", [mode.name for mode in form.modes])
    yield from _twice(f"class {form.name}: power_w", [mode.power_w for mode in form.modes])
    if form.sleep_w >= min(mode.power_w for mode in form.modes):
        yield f"class {form.name}: sleep_w is not below the lowest mode's power_w"


def _commitment_troubles(form: CommitmentForm) -> Iterable[str]:
    if form.begin.tzinfo is None or form.end.tzinfo is None:
        yield f"commitment {form.name}: a time without zone; write 2026-07-01T17:00:00Z"
    elif form.begin >= form.end:
        yield f"commitment {form.name}: begin is not before end"


def _twice(where: str, names: Sequence[str | float]) -> Iterable[str]:
    for name in {name for name in names if names.count(name) > 1}:
        yield f"{where}: {name} is there twice; give each its own"
