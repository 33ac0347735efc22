"""What the dashboard asks of the hub about the learned opinion."""

from collections.abc import Sequence
from typing import Protocol

from lode_hub.queries.learned import LearnedDecision, LearnedModel, LearnedSite


class LearnedQueries(Protocol):
    """What the pages may ask about the learned opinion."""

    async def model(self) -> LearnedModel | None:
        """Give the model at work."""

    async def sites(self) -> Sequence[LearnedSite]:
        """Say how the model stands at each site."""

    async def decisions(self, site: str, limit: int) -> Sequence[LearnedDecision]:
        """Give what people decided at a site, the newest first."""
