"""`lode-edge`, less patient: what a rig only says it did, it gives up within seconds."""

from lode_edge import cli
from lode_edge.control import reconcile, stages

reconcile._DOWN_S = 3.0
stages._BACKOFF_S = 1.0

if __name__ == "__main__":
    cli.main()
