"""The learned opinion on rigs: a third one, beside plain rules and peers; it never alerts.

    learned = Learned(load(), rigs)             # `Rigs` and rows as `Peers` takes them
    learned.restore(site, kept)                 # what `snapshot` gave before, if anything
    learned.take(slots, rows)                   # each step
    said = learned.judge(now_ms, others)        # once a minute; others: slots with findings
    opinion = learned.second(slot)              # beside a finding of another detector
    if opinion:
        confidence = opinion.raised(confidence)  # and `opinion.reasons` as evidence
    learned.standings[site].stage = "advisory"  # a person's decision, once `trial.lacks()` nothing

An `Opinion` is to be recorded, never to be made an alert; `second` gives none in shadow and none
while the model drifts at the rig's site. `standings[site].monitor.drifts` say what is unlike.
`load` raises `ModelError` if the model may not be used: then there is no learned opinion.
"""

from lode_models.rig.card import Card
from lode_models.rig.drift import Drift
from lode_models.rig.features import FEATURES, SCHEMA
from lode_models.rig.learned import VERSION, Kept, Learned, Opinion, Standing
from lode_models.rig.model import Model, Reason, load
from lode_models.rig.trial import Stage, Trial

__all__ = [
    "FEATURES",
    "SCHEMA",
    "VERSION",
    "Card",
    "Drift",
    "Kept",
    "Learned",
    "Model",
    "Opinion",
    "Reason",
    "Stage",
    "Standing",
    "Trial",
    "load",
]
