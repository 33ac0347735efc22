"""`lode-edge`, less patient: with rigs that only say they did it, and with copies of commands."""

from lode_edge import cli
from lode_edge.control import gate, reconcile, stages

reconcile._DOWN_S = 3.0
stages._BACKOFF_S = 1.0
gate._ON_ITS_WAY_S = 3.0

if __name__ == "__main__":
    cli.main()
