"""What the dashboard asks of the hub about telling and rules, and does to them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from lode_hub.queries.alert_nouns import Fired, RuleRow
from lode_hub.queries.telling import (
    ChannelRow,
    DeliveryRow,
    DeliveryState,
    Habit,
    Layer,
    Policy,
    ScheduleRow,
    ShiftRow,
    Step,
    TimerRow,
    WayRow,
)
from lode_hub.queries.tryouts import Tried


class Who(Protocol):
    """Who does it."""

    @property
    def name(self) -> str:
        """The login name."""

    @property
    def role(self) -> str:
        """What the person may do."""


class TellingQueries(Protocol):
    """What the pages may ask about telling."""

    async def channels(self) -> Sequence[ChannelRow]:
        """Give every channel of the settings."""

    async def ways(self, person: str | None = None) -> Sequence[WayRow]:
        """Give people's ways, or one person's."""

    async def habit(self, person: str) -> Habit:
        """Give when a person is left alone."""

    async def webhook_secret(self, way_id: int, person: str) -> str:
        """Give the secret that messages to a webhook of this person are signed with."""

    async def schedules(self) -> Sequence[ScheduleRow]:
        """Give every schedule, with who is on call now."""

    async def shifts(self, schedule: str, days: int) -> Sequence[ShiftRow]:
        """Give who is on call from now on, gaps among them."""

    async def policies(self) -> Sequence[Policy]:
        """Give every escalation policy."""

    async def timers(self) -> Sequence[TimerRow]:
        """Give the escalations that run, the next first."""

    async def deliveries(
        self,
        *,
        states: Sequence[DeliveryState] | None = None,
        alert_id: int | None = None,
        limit: int,
        before: int | None = None,
    ) -> Sequence[DeliveryRow]:
        """Give deliveries, newest first; the next page is before the last one's delivery_id."""


class Tested(Protocol):
    """What became of a test message."""

    @property
    def is_taken(self) -> bool:
        """Whether the channel took it."""

    @property
    def said(self) -> str:
        """The true error, or what the channel calls the message."""

    @property
    def took_s(self) -> float:
        """How long it took."""


class Telling(Protocol):
    """What may be done about telling; each call checks the person's role again."""

    async def put_way(  # noqa: PLR0913 -- what a way has
        self,
        person: str,
        kind: str,
        address: str,
        by: Who,
        *,
        min_severity: str,
        is_on_call_only: bool,
        is_resolved_told: bool,
    ) -> int:
        """Add a way to tell a person, or change what goes there."""

    async def remove_way(self, way_id: int, by: Who) -> None:
        """Tell a person this way no more."""

    async def set_habit(self, person: str, habit: Habit, by: Who) -> None:
        """Set a person's quiet hours and digest."""

    async def save_schedule(
        self,
        name: str,
        time_zone: str,
        layers: Sequence[Layer],
        by: Who,
        *,
        sites: Sequence[str] | None,
    ) -> None:
        """Write a schedule, new or changed."""

    async def remove_schedule(self, name: str, by: Who) -> None:
        """Remove a schedule."""

    async def add_override(
        self, schedule: str, person: str, from_ms: int, until_ms: int, by: Who
    ) -> int:
        """Let somebody stand in."""

    async def remove_override(self, override_id: int, by: Who) -> None:
        """Take an override back."""

    async def save_policy(
        self, name: str, steps: Sequence[Step], by: Who, *, sites: Sequence[str] | None
    ) -> None:
        """Write a policy, new or changed."""

    async def remove_policy(self, name: str, by: Who) -> None:
        """Remove a policy and end its timers."""

    async def send_again(self, delivery_id: int, by: Who) -> None:
        """Try a delivery again that was given up."""

    async def test_channel(self, name: str, by: Who, to: str = "") -> Tested:
        """Send a test message by a channel to its own recipients, or to one address."""

    async def test_way(self, way_id: int, by: Who) -> Tested:
        """Send a test message to a person."""


class RuleQueries(Protocol):
    """What the pages may ask about rules."""

    async def rules(self, name: str | None = None, limit: int = 1000) -> Sequence[RuleRow]:
        """Give the rules that are in effect, or all versions of one, newest first."""

    async def fired(self) -> Sequence[Fired]:
        """Count the alerts of the last day and week by rule and site."""


class TryOuts(Protocol):
    """Replays rules over what is stored."""

    async def run(
        self,
        name: str,
        site: str | None,
        body: Mapping[str, Any],
        *,
        days: float,
        progress: Callable[[float], None],
    ) -> Tried:
        """Replay a rule as it would be if a person let it say this."""


class RuleActions(Protocol):
    """What may be done to rules; each call checks the person's role again."""

    async def edit_rule(
        self, person: Who, name: str, site: str | None, body: Mapping[str, Any]
    ) -> None:
        """Let a rule say this, everywhere or at a site."""

    async def reset_rule(self, person: Who, name: str, site: str | None) -> None:
        """Take back what a person has changed of a rule."""
