"""What can go wrong in the simulator.

SimError
├── OrderError    an order that cannot be carried out: unknown device, fault, mode or value
└── AbsentError   no simulator answers at the control socket
"""


class SimError(Exception):
    """Any failure of the simulator; the message says where, what, and what to do."""


class OrderError(SimError):
    """An order that cannot be carried out; the message names what would do."""


class AbsentError(SimError):
    """Nothing answers at a control socket."""
