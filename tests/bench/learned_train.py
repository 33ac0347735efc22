"""Trains the model that is shipped, on simulated fleets: `python -m tests.bench.learned_train`."""

from collections.abc import Iterator
from pathlib import Path

from lode_models.peers import samples
from lode_models.peers.sample import Slots, Table
from lode_models.rig.examples import Course, Examples, Fault, gather, together
from lode_models.rig.model import SHIPPED
from lode_models.rig.train import train
from lode_sim.fleet_faults import Fleet
from tests.bench import detect_score

SEEDS, RIGS, HOURS, PER_KIND = (101, 102, 103, 104, 105), 500, 6.0, 5
INTERVALS_S = ((5.0, 10.0, 15.0), (10.0, 30.0), (15.0, 60.0), (10.0,), (5.0, 30.0))

DATA = (
    f"Simulated: lode_sim.fleet_faults, seeds {', '.join(map(str, SEEDS))}, {RIGS} rigs for "
    f"{HOURS:g} h each, {PER_KIND} rigs a fault, which were left out of training from its begin on."
)
LIMITS = (
    "Real rigs were not seen. The simulator and the detectors have one author, so shares of "
    "faults found say little of real ones. It judges rigs that hash, ten minutes after a start or "
    "a command, and not while less than 60 % of their class do; a rig without peers hardly. What "
    "stands out from the first day by less than healthy rigs differ is not seen. It must be in "
    "shadow first, and be trained again on a site's own readings where it drifts."
)


def fleet_of(seed: int, intervals_s: tuple[float, ...], rigs: int = RIGS) -> Fleet:
    """Make a fleet as the model is trained and tried on."""
    return Fleet(
        seed=seed, rigs=rigs, hours=HOURS, quiet_h=2.0, per_kind=PER_KIND, interval_s=intervals_s
    )


def examples_of(fleet: Fleet) -> Examples:
    """Give what a model may learn from a fleet, or be tried with."""
    faults = {slot: Fault(kind=f.kind, since_ms=f.at_ms) for slot, f in fleet.fault_of.items()}
    return gather(_frames(fleet), detect_score.rigs_of(fleet), faults)


def _frames(fleet: Fleet) -> Iterator[tuple[int, Slots, Table]]:
    for frame in fleet:
        yield frame.now_ms, frame.slots, samples(frame.columns["at_ms"], frame.columns)


def main(folder: Path = SHIPPED) -> None:
    """Train it."""
    fleets = [
        examples_of(fleet_of(seed, intervals))
        for seed, intervals in zip(SEEDS, INTERVALS_S, strict=True)
    ]
    card = train(together(fleets), Course(data=DATA, limits=LIMITS), folder)
    print(folder, card.threshold, card.held_out_false_share, card.found)


if __name__ == "__main__":
    main()
