"""Who somebody is, and what their role lets them do."""

import re
from dataclasses import dataclass
from typing import Literal, get_args

Role = Literal["viewer", "operator", "trader", "auditor", "regulator", "admin"]
Right = Literal[
    "alerts.acknowledge",
    "alerts.resolve",
    "alerts.silence",
    "rules.edit",
    "commands.order",
    "commands.approve",
    "agents.enrol",
    "telling.schedule",
    "telling.manage",
    "energy.manage",
    "energy.call",
    "energy.account",
    "learned.decide",
]

ROLES: tuple[Role, ...] = get_args(Role)

RIGHTS: dict[Right, frozenset[Role]] = {
    "alerts.acknowledge": frozenset({"operator", "admin"}),
    "alerts.resolve": frozenset({"operator", "admin"}),
    "alerts.silence": frozenset({"operator", "admin"}),  # shelve, silence, maintain
    "rules.edit": frozenset({"admin"}),
    "commands.order": frozenset({"operator", "admin"}),
    "commands.approve": frozenset({"operator", "admin"}),
    "agents.enrol": frozenset({"admin"}),
    "telling.schedule": frozenset({"operator", "admin"}),  # on-call, escalation, trying a channel
    "telling.manage": frozenset({"admin"}),  # how other people are told
    "energy.manage": frozenset({"trader", "admin"}),  # tariffs, sources, programmes, uploads
    "energy.call": frozenset({"operator", "trader", "admin"}),  # take a call for demand response
    "energy.account": frozenset({"operator", "trader", "auditor", "admin"}),
    "learned.decide": frozenset({"operator", "admin"}),  # let the learned opinion advise
}
"""Who may do what; what is not here nobody may. Everybody who is logged in may look."""

_NAME = re.compile(r"[a-z0-9][a-z0-9_.@-]{0,62}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    """Somebody who is logged in."""

    name: str
    role: str

    def may(self, right: Right) -> bool:
        """Tell whether their role has a right."""
        return self.role in RIGHTS[right]


def is_name(text: str) -> bool:
    """Tell whether a text may be a login name."""
    return _NAME.fullmatch(text) is not None
