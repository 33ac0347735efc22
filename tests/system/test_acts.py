"""From an order to its proof by the meter, on the whole system, and back."""

import pytest

from lode_sim.limits import Limits
from lode_sim.models import BY_KEY
from tests.system.acting import Acting

NO_RAMP = Limits(ramp_down_kw_per_min=10_000.0, ramp_up_kw_per_min=10_000.0)
WAYS = ["accepted", "sent", "acknowledged", "effective"]
CANNOT_SLEEP = {"braiins-s19jpro", "bitaxe-supra"}  # no web API; firmware without a pause

# Stock Antminers measure nothing themselves: their rack's meter proves them, when it was steady
# for 30 s before. With this seed the second rack has just the two of them.
ANTMINERS, SEED = {"antminer-s19pro", "antminer-s21"}, 43


def models(*keys: str) -> tuple[str, ...]:
    """Say to the simulator of which models a site is."""
    return tuple(word for key in keys for word in ("--model", key))


def assert_only_power_changed(before: dict, after: dict) -> None:
    """Check that what rigs keep is what they kept before a sleep and a wake."""
    for name, kept in before.items():
        changed = {key for key, value in kept.items() if after[name].get(key) != value}
        assert not changed, f"{name}: {[(key, kept[key], after[name].get(key)) for key in changed]}"


@pytest.mark.slow
def test_an_order_is_done_when_the_meter_shows_it(launch):
    stack = launch(rigs=3, interval_s=0.5, limits=NO_RAMP, site_options=models("luxos-s19kpro"))
    site = Acting(stack)
    site.wait_until_offered(3)
    before, starts = site.kept(), site.controls()["rig-002"]["starts_left"]
    ordered = site.order("sleep", "rig-002")
    found = site.until(ordered, "effective", timeout_s=30)
    (proof,) = found["devices"]
    assert site.steps(ordered) == WAYS
    assert proof["power_source"] == "meter"
    assert proof["power_before_w"] - proof["power_after_w"] > 0.8 * 2794
    assert site.settings("rig-002")["rig-002"]["mode"] == "sleep"
    page = site.page(f"/commands/{ordered}")
    assert "effective" in page
    assert "meter" in page
    back = site.order("wake", "rig-002")
    site.until(back, "released", timeout_s=30)
    assert site.stage(ordered) == "released"
    assert site.settings("rig-002")["rig-002"]["mode"] == "normal"
    assert_only_power_changed(before, site.kept())
    assert site.settings("rig-002")["rig-002"]["orders"] == 2
    assert {row["orders"] for row in site.settings("rig-001", "rig-003").values()} == {0}
    site.until_starts("rig-002", starts - 1)


@pytest.mark.slow
def test_every_family_sleeps_and_wakes_with_its_settings_untouched(launch):
    able = sorted(set(BY_KEY) - CANNOT_SLEEP)
    options = (*models(*able), "--rack-meters")
    stack = launch(rigs=len(able), seed=SEED, interval_s=1.0, limits=NO_RAMP, site_options=options)
    site = Acting(stack)
    families = {name: row["model"] for name, row in site.settings().items()}
    assert sorted(families.values()) == able
    site.wait_until_offered(len(able))
    before = site.kept()
    slept = tell(site, "sleep", families)
    assert {row["mode"] for row in site.settings().values()} == {"sleep"}
    alone = {name: model for name, model in families.items() if model in ANTMINERS}
    tell(site, "wake", {name: families[name] for name in families if name not in alone})
    tell(site, "wake", alone)
    assert {row["mode"] for row in site.settings().values()} == {"normal"}
    assert {site.stage(ordered) for ordered in slept} == {"released"}
    assert_only_power_changed(before, site.kept())


def tell(site: Acting, action: str, families: dict[str, str]) -> set[str]:
    """Order one thing of each of some rigs, and check how it is proved; give the commands."""
    end = "effective" if action == "sleep" else "released"
    ordered = {site.order(action, name): name for name in families}
    for command, name in ordered.items():
        (proof,) = site.until(command, end, timeout_s=120)["devices"]
        assert list(dict.fromkeys(site.steps(command)))[:4] == WAYS, name
        assert proof["power_source"] in {"meter", "rig"}, name
        powers = [proof["power_before_w"], proof["power_after_w"]]
        less_w, more_w = powers[::-1] if action == "sleep" else powers
        # A meter shows others, too; a rig that was woken may still warm up.
        assert more_w - less_w > 0.3 * BY_KEY[families[name]].power_w, (name, proof)
    return set(ordered)
