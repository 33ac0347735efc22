"""Each rig judged against its peers: numpy alone, all rigs at once, one step after another.

readings ─► what can be judged ─► class medians ─► charts, counts, runs, silence ─► book ─► Found
                                                     many of a group at once ─► one event ─┘
"""

from lode_models.peers.detector import Peers
from lode_models.peers.found import Found
from lode_models.peers.kinds import KINDS, VERSION, Kind
from lode_models.peers.rigs import Group, Rig, Rigs
from lode_models.peers.sample import SAMPLE, samples

__all__ = [
    "KINDS",
    "SAMPLE",
    "VERSION",
    "Found",
    "Group",
    "Kind",
    "Peers",
    "Rig",
    "Rigs",
    "samples",
]
