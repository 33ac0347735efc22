"""A site's limits as a TOML document (kind `limits`): what it bears, what a start costs.

The agents keep their owner's envelope whatever is written here.
"""

from typing import Annotated

import msgspec

from lode_hub.energy.tariff import document

Kw = Annotated[float, msgspec.Meta(gt=0, le=1e6)]
Seconds = Annotated[float, msgspec.Meta(ge=0, le=7 * 86_400)]
Usd = Annotated[float, msgspec.Meta(ge=0, le=1e6)]
ANY_MODEL = "*"


class _Form(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Frozen, named, and nothing else in it."""


class Line(_Form, frozen=True, kw_only=True):
    """What a feeder bears, at the rigs; None is not limited."""

    limit_kw: Kw | None = None
    ramp_kw_min: Kw | None = None


class Model(_Form, frozen=True, kw_only=True):
    """What a rig of a model takes and costs; `*` stands for every other model."""

    sleep_w: Annotated[float, msgspec.Meta(ge=0, le=1000)] = 100.0
    start_cost_usd: Usd = 0.02
    warm_up_s: Seconds = 300.0
    min_up_s: Seconds = 1800.0
    min_down_s: Seconds = 600.0
    starts_per_day: Annotated[int, msgspec.Meta(ge=0, le=1000)] | None = None


class Limits(_Form, frozen=True, kw_only=True):
    """All limits of a site; `limit_kw` is at the meter, `gain_usd` what a new plan must earn more.

    Orders that are held are left alone for less than that.
    """

    limit_kw: Kw | None = None
    ramp_kw_min: Kw | None = None
    gain_usd: Usd = 0.5
    feeders: dict[str, Line] = {}
    models: dict[str, Model] = {}

    def model(self, name: str) -> Model:
        """Give what holds for a model."""
        return self.typed(name) or Model()

    def typed(self, name: str) -> Model | None:
        """Give what is written of a model, or of all; None: what holds are Lode's defaults."""
        found = {known.casefold(): model for known, model in self.models.items()}
        return found.get(name.casefold()) or found.get(ANY_MODEL)


def described(text: str, where: str = "limits") -> Limits:
    """Read a description.

    Raises:
        InvalidError: it cannot be.
    """
    return document.read(text, Limits, where)
