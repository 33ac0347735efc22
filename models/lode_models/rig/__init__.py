"""The learned opinion on rigs: a third one, beside plain rules and peers; it never alerts.

    learned = Learned(load(), rigs)                    # `Rigs` and rows as `Peers` takes them
    learned.restore(kept)                              # what `snapshot` gave before, if anything
    judged = learned.judge(now_ms, slots, rows, others)  # each step; others: slots with findings
    opinion = learned.second(slot)                     # beside a finding of another detector
    if opinion:
        confidence = opinion.raised(confidence)        # and `opinion.reasons` as evidence
    learned.trial.promote("anna", now_ms)              # a person's decision; NotYetError if early

An `Opinion` is to be recorded, never to be made an alert; `second` gives none in shadow and none
while the model drifts. A `Drift` in `judged.drifts` is a finding of its own, about the model.
`load` raises `ModelError` if the model may not be used: then there is no learned opinion.
"""

from lode_models.rig.drift import Drift
from lode_models.rig.features import FEATURES, SCHEMA
from lode_models.rig.learned import Judged, Learned, Opinion
from lode_models.rig.model import Model, Reason, load
from lode_models.rig.trial import Trial

__all__ = [
    "FEATURES",
    "SCHEMA",
    "Drift",
    "Judged",
    "Learned",
    "Model",
    "Opinion",
    "Reason",
    "Trial",
    "load",
]
