"""The command `lode-hub tariff`: is a tariff's file right, and what does it mean."""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from lode_hub.energy.prices import Figures, periods
from lode_hub.energy.tariff.described import Tariff, described
from lode_hub.energy.tariff.price import Rates, priced
from lode_hub.errors import InvalidError

tariff = typer.Typer(no_args_is_help=True, help="Tariffs: what a site pays for power.")

_HOUR_S = 3600.0
_LONGEST_H = 366 * 24


@tariff.callback()
def _of_tariffs() -> None:
    """Tariffs: what a site pays for power."""


@tariff.command("check")
def check(file: Annotated[Path, typer.Argument(help="the tariff, TOML")]) -> None:
    """Check a tariff's file, and print what it comes to over its first year."""
    try:
        text = file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidError(f"tariff {file}: {error}; check the path") from None
    found = described(text, f"tariff {file}")
    typer.echo("\n".join(summary(found)))


def summary(found: Tariff) -> list[str]:
    """Say in lines what a tariff comes to, hour by hour over its first year."""
    begin, end = found.span_ms
    hours = min(_LONGEST_H, max(1, (end - begin) // 3_600_000))
    span = periods(begin, hours, _HOUR_S)
    prices = priced([found], Rates(), *span)
    until = f" until {found.valid_until}" if found.valid_until else ""
    return [
        f"{found.name}: right; valid from {found.valid_from}{until}, {found.time_zone}, "
        f"{found.currency}",
        *(f"  {part.kind:7} {part.name}: {_range(part.usd_mwh)}" for part in prices.parts),
        *(
            f"  demand  {demand.name}: {demand.price_kw:g} {found.currency}/kW of the highest "
            f"{demand.window_min} min of a billing month"
            for demand in found.demand
        ),
    ]


def _range(usd_mwh: Figures) -> str:
    if np.isnan(usd_mwh).any():
        return "by the market, or by an exchange rate"
    on = usd_mwh != 0
    share = f" in {on.sum()} of {len(on)} h" if not on.all() else ""
    if not on.any():
        return "never charged"
    low, high = usd_mwh[on].min(), usd_mwh[on].max()
    return f"{low:.2f}{f' to {high:.2f}' if high > low else ''} USD/MWh{share}"
