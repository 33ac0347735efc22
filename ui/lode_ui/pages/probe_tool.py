"""Ask an agent what is at an address of its site."""

from collections.abc import Sequence

from lode_hub.queries.nouns import AgentRow
from lode_ui.acts import Hand, why_not
from lode_ui.desk import Desk
from lode_ui.widgets.answer import AnswerView
from lode_ui.widgets.button import Button
from lode_ui.widgets.form import SelectField, TextField
from lode_ui.widgets.layout import card, columns
from lode_ui.widgets.outcome import Outcome
from lode_ui.widgets.text import Words, note
from lode_wire.orders import Probe

LONGEST = 128


class ProbeTool:
    """An agent, an address, and what answered there."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._hand = Hand(desk)
        with card("What is at an address?"):
            note("The agent asks as a rig and as a Modbus device, and changes nothing.")
            with columns("fields"):
                self._agent = SelectField[str]("Agent", {}, "")
                self._address = TextField(
                    "Address", example="10.0.4.17", hint="a host, or host:port to try one port only"
                )
            self._offline = Words("", "lode-notice lode-warn", "p")
            self._wrong = Words("", "lode-wrong", "p")
            with columns("buttons"):
                self._button = Button("Probe", self._probe, "lode-button-main")
                self._why = note(why_not(desk))
            self._outcome = Outcome()
            self._answer = AnswerView()
        self._button.forbid(why_not(desk))
        self._offline.set_visibility(False)

    async def refresh(self) -> None:
        """Ask for the agents, and for what the last probe was answered."""
        answers = self._desk.answers
        site = self._desk.site_name(await answers.sites())
        agents = [agent for agent in await answers.agents() if site in (None, agent.site)]
        self._agent.offer({agent.name: _called(agent, agents) for agent in agents})
        chosen = next((agent for agent in agents if agent.name == self._agent.value), None)
        self._offline.text = offline(chosen)
        self._offline.set_visibility(bool(self._offline.text))
        last = await answers.commands.command(self._hand.last) if self._hand.last else None
        self._outcome.show(last)
        self._answer.show(last)

    async def _probe(self) -> None:
        address, agent = self._address.value, self._agent.value
        is_address = 0 < len(address) <= LONGEST and not any(c.isspace() for c in address)
        self._wrong.text = (
            "" if is_address and agent else "Name an agent, and an address without spaces."
        )
        if self._wrong.text:
            return
        await self._hand.order(Probe(address=address), agent=agent)
        await self.refresh()


def offline(agent: AgentRow | None) -> str:
    """Say that an agent cannot be asked now; empty when it can, or is not known."""
    if agent is None or agent.is_online:
        return ""
    return f"{agent.name} is not online: what is asked waits a minute for it, then expires."


def _called(agent: AgentRow, agents: Sequence[AgentRow]) -> str:
    is_one_site = len({each.site for each in agents}) == 1
    return agent.name if is_one_site or not agent.site else f"{agent.name}, {agent.site}"
