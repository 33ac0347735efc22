"""Write to a spool until killed, and say on standard output what has surely been committed."""

import sys
import threading
from pathlib import Path

from tests.edge.conftest import rig

from lode_edge.spool import Origin, Spool


def main(home: Path, start: int) -> None:
    """Put readings numbered from `start`; print the last one that is surely on disk."""
    spool = Spool(Origin(directory=home, agent="a"))
    number = start
    pause = threading.Event()
    print("ready", flush=True)
    while True:
        spool.put([rig(number + step) for step in range(20)])
        number += 20
        if number % 200 == 0:
            spool.flush().result(10)
            print(number - 1, flush=True)
        pause.wait(0.0005)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
