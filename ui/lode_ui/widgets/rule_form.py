"""The form of a rule: one that is shipped, or a threshold of one's own."""

from collections.abc import Mapping
from typing import Any, Literal

from lode_hub.queries.alert_nouns import CAUSES, METRICS
from lode_ui import calendar, rule_words
from lode_ui.widgets.form import CheckField, NumberField, SelectField, TextField
from lode_ui.widgets.layout import columns
from lode_ui.widgets.text import Words

Body = dict[str, Any]
Of = Literal["rig", "meter", "point"]
Side = Literal["above", "below"]

DAY_S = 86_400
SEVERITIES = {
    "": "as its detector says",
    "info": "info",
    "warning": "warning",
    "critical": "critical",
}
STAKES = {
    "none": "counts nothing",
    "lost": "the hashrate that is missing",
    "all": "all that is rated",
}
OF: dict[Of, str] = {"rig": "rigs", "meter": "meters", "point": "points"}
SIDES: dict[Side, str] = {"above": "above", "below": "below"}
NEW: Body = {
    "title": "", "enabled": True, "cause": "other", "severity": "warning", "on_delay_s": 0,
    "off_delay_s": 60, "inhibited_by": ["agent-stale"], "stake": "none",
    "hashprice_usd_th_d": None, "escalate_usd_h": None, "thresholds": {}, "of": "rig",
    "metric": "inlet_temp_c", "scope": {}, "above": None, "below": None, "for_s": 120,
    "clear_at": None,
}  # fmt: skip

OFF_HINT = "off: it opens nothing, and what it has opened ends"
OPTIONAL = frozenset({"clear_at", "hashprice_usd_th_d", "escalate_usd_h"})
"""Numbers that may be left out."""

Field = TextField | NumberField | CheckField | SelectField[Any]


class RuleForm:
    """Every key of a rule as a field; `read` gives what shall differ from what it stands on."""

    def __init__(self, body: Mapping[str, Any], person: Mapping[str, Any], *, is_own: bool) -> None:
        self._body, self._person, self._is_own = body, person, is_own
        self._fields: dict[str, Field] = {}
        if is_own:
            self._build_limit(body)
        else:
            self._build_thresholds(body)
        self._build_common(body)
        self._foot = Words("", "lode-wrong", "p")

    def _build_limit(self, body: Mapping[str, Any]) -> None:
        _head("When it fires")
        side: Side = "below" if body.get("below") is not None else "above"
        scope = body.get("scope") or {}
        with columns("fields"):
            self._of = SelectField[Of]("Looks at", OF, body["of"])
            metric = str(body["metric"])
            self._metric = SelectField[str]("Value", {metric: metric}, metric)
            self._point = TextField("Point", value=metric, hint="its name, as its device has it")
            self._side = SelectField[Side]("Fires", SIDES, side)
            self._limit = NumberField("Limit", value=body.get(side), unit=_unit(body))
            self._clear = NumberField(
                "Ends at", value=body.get("clear_at"), unit=_unit(body),
                hint="the deadband; empty: at the limit",
            )  # fmt: skip
            self._for = _seconds("For at least", body["for_s"], "beyond the limit all the time")
            self._build_delays(body)
        _head("Which devices")
        with columns("fields"):
            for key in ("model", "rack", "device"):
                self._fields[f"scope.{key}"] = TextField(
                    f"Only {key}", value=scope.get(key) or "", example="*", hint="* fits anything"
                )
        self._fields |= {"clear_at": self._clear, "for_s": self._for}
        self._of.changed = self._mark
        self._metric.changed = self._mark
        self._mark()

    def _mark(self) -> None:
        """Offer the values that there are of what it looks at, in their unit."""
        of = self._of.value
        is_point = of == "point"
        self._metric.hide(is_point)
        self._point.hide(not is_point)
        if not is_point:
            self._metric.offer({metric: _called(metric) for metric in METRICS[of]})
        for field in (self._limit, self._clear):
            field.unit("" if is_point else rule_words.unit(self._metric.value))

    @property
    def _looked_at(self) -> TextField | SelectField[str]:
        """The field that names the value, of the two that take turns."""
        return self._point if self._of.value == "point" else self._metric

    def _build_thresholds(self, body: Mapping[str, Any]) -> None:
        _head("When it fires")
        with columns("fields"):
            for key, value in sorted((body.get("thresholds") or {}).items()):
                self._fields[f"thresholds.{key}"] = NumberField(
                    rule_words.name(key).capitalize(),
                    value=value,
                    unit=rule_words.unit(key),
                    hint="0.85 is 85\N{NO-BREAK SPACE}%" if key.endswith("_ratio") else "",
                )
            self._build_delays(body)

    def _build_delays(self, body: Mapping[str, Any]) -> None:
        on, off = body["on_delay_s"], body["off_delay_s"]
        self._fields["on_delay_s"] = _seconds("On-delay", on, "then there for so long")
        self._fields["off_delay_s"] = _seconds("Off-delay", off, "it ends when away for so long")

    def _build_common(self, body: Mapping[str, Any]) -> None:
        fields = self._fields
        _head("What its alerts are")
        with columns("fields"):
            if self._is_own:
                fields["title"] = TextField(
                    "What to do", value=body["title"], hint="shown with the alert"
                )
            fields["severity"] = SelectField("Severity", SEVERITIES, body["severity"] or "")
            fields["cause"] = SelectField(
                "Cause", {cause: cause for cause in CAUSES}, body["cause"]
            )
            fields["inhibited_by"] = TextField(
                "Silenced by", value=", ".join(body["inhibited_by"]),
                hint="rules, causes, or order, with commas",
            )  # fmt: skip
            fields["enabled"] = CheckField("In effect", value=body["enabled"], hint=OFF_HINT)
        _head("Money")
        with columns("fields"):
            fields["stake"] = SelectField("Money at stake", STAKES, body["stake"])
            fields["hashprice_usd_th_d"] = NumberField(
                "Hashprice", value=body["hashprice_usd_th_d"], unit="USD/TH/d", low=0, high=100,
                hint="empty: the newest of the site's series, else 0.05",
            )  # fmt: skip
            fields["escalate_usd_h"] = NumberField(
                "A step graver above", value=body["escalate_usd_h"], unit="USD/h", low=0,
                hint="empty: never",
            )  # fmt: skip

    def read(self) -> Body | None:
        """Give the keys a person says, as the rule's table has them; None when a field is wrong."""
        every: list[Field] = [*self._fields.values()]
        if self._is_own:
            every += [self._limit, self._metric, self._point]
        for field in every:
            _wrong(field, "")
        self._foot.text = ""
        said: Body = {}
        is_wrong = False
        for key, field in self._fields.items():
            if isinstance(field, NumberField) and not _is_fit(key, field):
                field.wrong("Give a number within its limits.")
                is_wrong = True
            said[key] = _value(key, field)
        if self._is_own and self._limit.value is None:
            self._limit.wrong("Give the limit as a number.")
            is_wrong = True
        if is_wrong:
            return None
        return self._whole(said) if self._is_own else self._differing(said)

    def _whole(self, said: Body) -> Body:
        scope = {k.partition(".")[2]: v or None for k, v in said.items() if k.startswith("scope.")}
        body = {key: value for key, value in said.items() if "." not in key}
        sides: Body = {
            side: self._limit.value if side == self._side.value else None for side in SIDES
        }
        kept = {key: v for key, v in (self._body.get("scope") or {}).items() if key not in scope}
        where: Body = {
            "of": self._of.value,
            "metric": self._looked_at.value,
            "scope": {**kept, **scope},
        }
        return {**body, **sides, **where}

    def _differing(self, said: Body) -> Body:
        body: Body = {key: value for key, value in self._person.items() if key != "thresholds"}
        changed = dict(self._person.get("thresholds") or {})
        for key, value in said.items():
            table, _, inner = key.rpartition(".")
            before = self._body[table][inner] if table else self._body[key]
            if value != (list(before) if isinstance(before, list | tuple) else before):
                (changed if table else body)[inner] = value
        return {**body, "thresholds": changed} if changed else body

    def point_at(self, reason: str) -> None:
        """Say what the hub refused where it was typed."""
        for key, field in self._fields.items():
            if f": {key}: " in reason:
                _wrong(field, reason.partition(f": {key}: ")[2])
                return
        if "inhibited_by" in reason:
            _wrong(self._fields["inhibited_by"], reason)
        elif self._is_own and "clear_at" in reason:
            self._clear.wrong(reason.rpartition(": ")[2])
        elif self._is_own and "metric" in reason:
            self._looked_at.wrong(reason.rpartition(": ")[2])
        else:
            self._foot.text = reason


def _head(words: str) -> None:
    Words(words, "lode-form-head", "h3")


def _is_fit(key: str, field: NumberField) -> bool:
    return field.value is not None or (field.is_empty and key in OPTIONAL)


def _value(key: str, field: Field) -> object:
    if key == "severity":
        return field.value or None
    if key == "inhibited_by":
        return calendar.names(str(field.value))
    return field.value


def _wrong(field: Field, reason: str) -> None:
    if not isinstance(field, CheckField):
        field.wrong(reason)


def _called(metric: str) -> str:
    unit = rule_words.unit(metric)
    words = metric.removesuffix("_s").replace("_", " ") if unit == "s" else rule_words.name(metric)
    return f"{words}, {unit}" if unit else words


def _unit(body: Mapping[str, Any]) -> str:
    return rule_words.unit(str(body["metric"] or ""))


def _seconds(label: str, value: float, hint: str) -> NumberField:
    return NumberField(label, value=value, unit="s", low=0, high=DAY_S, hint=hint)
