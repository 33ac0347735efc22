"""From a reading at the device to an alert handed to SMTP, through the whole stack.

lode-sim (a rig overheats) ◄─ agent ─► broker ─► hub ─► finding ─► alert ─► outbox ─► mailbox
"""

import time
from collections.abc import Iterator
from email import message_from_bytes
from email.policy import default

import numpy as np
import psycopg

from lode_sim.stack import Stack, wait_for
from tests.bench import stage
from tests.bench.figure import Figure

RIGS, INTERVAL_S = 100, 2.0
# The fourth message about one cause at one site waits for company, on purpose; so many more are
# free again after as many minutes.
SETS, FAULTS, QUIET_S = 3, 3, 185.0
APART_S = 2.7  # not in step with the polls
LIMIT_S = 5.0


def run() -> Iterator[Figure]:
    """Measure the time of each of some faults."""
    with stage.stack(rigs=RIGS, interval_s=INTERVAL_S, base="auto") as found:
        found.start()
        wait_for(lambda: warm(found) == RIGS, 60, "every rig", found.hub, found.edge)
        names = [f"rig-{number:03}" for number in range(1, RIGS, RIGS // (SETS * FAULTS))]
        for place, name in enumerate(names):
            if place and place % FAULTS == 0:
                time.sleep(QUIET_S)
            found.control("fault", "overheat", name)
            time.sleep(APART_S)
        wait_for(lambda: mailed(found).keys() >= set(names), 30, "every mail", found.hub)
        hot, told = first_hot(found), mailed(found)
    took_s = np.array([told[name] - hot[name] for name in names])
    for percent in (50, 99):
        value = float(np.percentile(took_s, percent))
        yield Figure(
            name=f"alert: hot reading to SMTP, p{percent} of {len(names)}",
            value=value,
            unit="s",
            ratio=value / LIMIT_S,
            against=f"the limit of {LIMIT_S:.0f} s",
        )


def warm(found: Stack) -> int:
    """Count the rigs that say what they are, so that their limit is known."""
    with psycopg.connect(found.database_url()) as db:
        return stage.count(db, "rig_last join device on id = device_id where chip_temp_max_c > 0")


def first_hot(found: Stack) -> dict[str, float]:
    """Give when each rig was first read hotter than it may be (Unix time, the agent's clock)."""
    with psycopg.connect(found.database_url()) as db:
        rows = db.execute(
            "select d.name, extract(epoch from min(r.at))::float8 from rig_reading r "
            "join device d on d.id = r.device_id "
            "where r.chip_temp_c > d.chip_temp_max_c or r.board_temp_c > d.board_temp_max_c "
            "group by 1"
        ).fetchall()
    return dict(rows)


def mailed(found: Stack) -> dict[str, float]:
    """Give when the first mail about each rig was taken (Unix time, from the file's name)."""
    told: dict[str, float] = {}
    for path in sorted(found.mails.glob("*.eml")):
        mail = message_from_bytes(path.read_bytes(), policy=default)
        body = mail.get_body(("plain",))
        text = str(mail["Subject"]) + ("" if body is None else body.get_content())
        for number in range(1, RIGS + 1):
            if f"rig-{number:03}" in text:
                told.setdefault(f"rig-{number:03}", int(path.name.split("-")[0]) / 1e9)
    return told
