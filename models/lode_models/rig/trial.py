"""What a model has shown at a site, by which a person decides whether it may advise there.

shadow: it only counts ─ a person, once nothing lacks ─► advisory ─ a person ─► shadow
"""

import math
from dataclasses import dataclass
from typing import Literal

Stage = Literal["shadow", "advisory"]

LEAST_DAYS, LEAST_SECONDED, LEAST_AGREEMENT = 14.0, 20, 0.5
DAY_MS = 86_400_000
STEP_MOST_MS = 300_000  # a longer pause was no trial


@dataclass(kw_only=True, slots=True)
class Trial:
    """What one model has shown so far; it begins anew with another model."""

    model_sha256: str
    judged_ms: int = 0  # how long it judged, pauses left out
    last_ms: int = 0
    seconded: int = 0  # opinions that another detector shared while they lasted
    alone: int = 0  # opinions that none shared
    missed: int = 0  # findings of others on rigs it judged and thought usual

    @property
    def days(self) -> float:
        """Give how many days it has judged."""
        return self.judged_ms / DAY_MS

    @property
    def agreement(self) -> float:
        """Give the share of its opinions that another detector shared; NaN before the first."""
        opinions = self.seconded + self.alone
        return self.seconded / opinions if opinions else math.nan

    def judged(self, now_ms: int) -> None:
        """Note that rigs were judged."""
        if self.last_ms and now_ms > self.last_ms:
            self.judged_ms += min(now_ms - self.last_ms, STEP_MOST_MS)
        self.last_ms = max(self.last_ms, now_ms)

    def lacks(self) -> tuple[str, ...]:
        """Say what it has not shown yet, in words; nothing if a person may let it advise."""
        lacks = []
        if self.days < LEAST_DAYS:
            lacks.append(f"{self.days:.1f} of {LEAST_DAYS:.0f} days judged")
        if self.seconded < LEAST_SECONDED:
            lacks.append(f"{self.seconded} of {LEAST_SECONDED} opinions shared by others")
        if self.seconded + self.alone and self.agreement < LEAST_AGREEMENT:
            lacks.append(
                f"{self.agreement:.0%} of its opinions shared, {LEAST_AGREEMENT:.0%} asked"
            )
        return tuple(lacks)
