"""The form of an escalation policy: whom to tell so long after a critical alert."""

from collections.abc import Awaitable, Callable, Collection, Sequence

from lode_hub.queries.telling import Policy, Step
from lode_ui import calendar
from lode_ui.acts import achieved
from lode_ui.desk import Desk
from lode_ui.widgets.button import Button
from lode_ui.widgets.form import NumberField, TextField
from lode_ui.widgets.layout import columns
from lode_ui.widgets.text import Words, box

USUAL_MIN = (0, 5, 15, 30)
MOST_STEPS = 10
LONGEST_MIN = 1440


class PolicyForm:
    """A policy, new with the usual steps or as it is."""

    def __init__(
        self,
        desk: Desk,
        policy: Policy | None,
        sites: Sequence[str],
        schedules: Sequence[str],
        people: Collection[str],
        done: Callable[[], Awaitable[None]],
    ) -> None:
        self._desk, self._policy, self._sites, self._done = desk, policy, sites, done
        self._schedules, self._people = schedules, people
        Words(f"Change {policy.name}" if policy else "New policy", "lode-title", "h3")
        with columns("fields"):
            self._name = TextField("Name", example="critical")
            self._name.hide(policy is not None)
            given = ", ".join((policy and policy.sites) or ())
            hint = "with commas; empty: every site without a policy of its own"
            self._places = TextField("Sites", hint=hint, value=given)
        self._place = columns("stack")
        self._steps: list[_StepFields] = []
        usual = [Step(after_s=after * 60, tell=()) for after in USUAL_MIN]
        for step in policy.steps if policy else usual:
            self._add(step)
        self._foot = Words("", "lode-wrong", "p")
        with columns("buttons"):
            Button("Save policy", self._save, "lode-button-main")
            Button("Add a step", self._add_one)
            Button("Cancel", done)

    async def _add_one(self) -> None:
        if len(self._steps) < MOST_STEPS:
            self._add(Step(after_s=3600, tell=()))

    def _add(self, step: Step) -> None:
        async def drop() -> None:
            if len(self._steps) > 1:
                self._steps.remove(fields)
                fields.root.delete()

        with self._place:
            fields = _StepFields(step, drop)
        self._steps.append(fields)

    async def _save(self) -> None:
        name = self._policy.name if self._policy else self._name.value
        self._name.wrong("" if name else "Give it a name.")
        sites = calendar.names(self._places.value)
        strange = [site for site in sites if site not in self._sites]
        self._places.wrong(f"There is no site {strange[0]!r}." if strange else "")
        self._foot.text = ""
        steps = [
            step
            for fields in self._steps
            if (step := fields.read(self._schedules, self._people)) is not None
        ]
        for before, after, fields in zip(steps, steps[1:], self._steps[1:], strict=False):
            if after.after_s <= before.after_s:
                fields.after.wrong("Each step comes later than the one before.")
                return
        if not name or strange or len(steps) < len(self._steps):
            return
        is_wrong: list[str] = []
        desk = self._desk
        act = desk.actions.telling.save_policy(name, steps, desk.person, sites=sites or None)
        is_done = await achieved(desk, act, "Saved", wrong=is_wrong.append)
        self._foot.text = " ".join(is_wrong)
        if is_done:
            await self._done()


class _StepFields:
    def __init__(self, step: Step, drop: Callable[[], Awaitable[None]]) -> None:
        with box("lode-step") as self.root:
            self.after = NumberField(
                "After", unit="min", value=step.after_s / 60, low=0, high=LONGEST_MIN,
                hint="without an acknowledgement; 0: at once",
            )  # fmt: skip
            shown = ", ".join(_name(told) for told in step.tell)
            self._tell = TextField(
                "Tell", value=shown, example="north, ann",
                hint="schedules (whoever is on call) or login names, with commas",
            )  # fmt: skip
            Button("Remove", drop)

    def read(self, schedules: Collection[str], people: Collection[str]) -> Step | None:
        """Give the step; None when something is wrong, which its field says then."""
        after_min = self.after.value
        self.after.wrong("" if after_min is not None else f"Give 0 to {LONGEST_MIN} min.")
        given = calendar.names(self._tell.value)
        told = [_told(name, schedules, people) for name in given]
        unknown = next((name for name, one in zip(given, told, strict=True) if not one), None)
        if not given:
            self._tell.wrong("Name a schedule or a person.")
        elif unknown:
            self._tell.wrong(f"No schedule {unknown!r}, and nobody so called has a way to be told.")
        else:
            self._tell.wrong("")
        if after_min is None or not given or unknown:
            return None
        return Step(after_s=round(after_min * 60), tell=tuple(told))


def _told(name: str, schedules: Collection[str], people: Collection[str]) -> str:
    kind, _, rest = name.partition(":")
    if kind in {"schedule", "person"} and rest:
        return name
    return f"schedule:{name}" if name in schedules else f"person:{name}" * (name in people)


def _name(told: str) -> str:
    return told.partition(":")[2]
