"""Every question the pages ask about the learned opinion, each shared through the feed."""

from collections.abc import Sequence

from lode_hub.queries.learned import LearnedDecision, LearnedModel, LearnedSite
from lode_ui.feed import Feed
from lode_ui.hub_learned import LearnedQueries

PERIOD_S = 5.0
DECISIONS = 10  # of each site


class LearnedAnswers:
    """Answers about the learned opinion."""

    def __init__(self, queries: LearnedQueries, feed: Feed) -> None:
        self._queries = queries
        self._feed = feed

    async def model(self) -> LearnedModel | None:
        """Give the model at work."""
        return await self._feed.ask("learned model", self._queries.model, period_s=PERIOD_S)

    async def sites(self) -> Sequence[LearnedSite]:
        """Say how the model stands at each site."""
        return await self._feed.ask("learned sites", self._queries.sites, period_s=PERIOD_S)

    async def decisions(self, site: str) -> Sequence[LearnedDecision]:
        """Give what people decided at a site, the newest first."""
        return await self._feed.ask(
            ("learned decisions", site),
            lambda: self._queries.decisions(site, DECISIONS),
            period_s=PERIOD_S,
        )
