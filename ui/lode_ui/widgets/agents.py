"""An agent in one line: how it is, and how fresh."""

from lode_hub.queries.nouns import AgentRow
from lode_ui import figures
from lode_ui.states import AGENT
from lode_ui.widgets.sign import Sign
from lode_ui.widgets.text import Words, box


class AgentLine:
    """Name, state, age of its last committed batch, and what waits in its spool."""

    def __init__(self) -> None:
        with box("lode-line") as self.root:
            self._sign = Sign(AGENT["unknown"])
            self._name = Words("", "lode-line-name", "b")
            self._about = Words("", "lode-note lode-line-about")

    def show(self, agent: AgentRow) -> None:
        """Show the agent's present state."""
        self._sign.show(AGENT[agent.state])
        self._name.text = agent.name
        parts = [f"committed {figures.age(agent.committed_age_s)}"]
        if agent.lag_s is not None:
            parts.append(f"lag {figures.duration(agent.lag_s)}")
        if agent.spool_records:
            parts.append(f"{figures.count(agent.spool_records)} in spool")
        self._about.text = " · ".join(parts)
