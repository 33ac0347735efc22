"""The page of data quality as a person reads it, without a browser."""

from tests.ui.reading import press, texts, until
from tests.ui.world import World


async def test_the_page_says_what_is_wrong_and_what_to_do(visit):
    async with visit(World(rigs=40)) as user:
        await user.open("/quality")
        said = texts(user)
        assert "Data quality of north" in said
        for part in ("39 of 42 devices", "87.4", "\N{MINUS SIGN}45.2", "times are shown corrected",
                     "13% of the readings are missing", "north-1 · rigs"):  # fmt: skip
            assert part in said
        assert "No finding is open." in said
        assert user._client.title == "Data quality · Lode"


async def test_another_span_is_asked_for(visit):
    world = World(rigs=40)
    async with visit(world) as user:
        await user.open("/quality")
        asked = world.calls["quality"]
        press(user, "1 day")
        await until(lambda: world.calls["quality"] > asked)
        await until(lambda: "readings of the last day" in texts(user))


async def test_without_any_site_it_says_how_to_begin(visit):
    async with visit(World(rigs=0)) as user:
        await user.open("/quality")
        assert "No site has reported yet." in texts(user)
        assert "lode-edge run --config FILE" in texts(user)
