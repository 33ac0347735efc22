"""The pools of a rig as cgminer keeps them: added, switched to, removed; the last one stays."""

from lode_sim.rig import Rig
from lode_sim.vendors.recorded import Row


def pools(rig: Rig, recorded: list[Row]) -> list[Row]:
    """Give the rig's pools: as recorded, with its worker, until somebody changes them."""
    if "pools" not in rig.kept:
        own = [{**row, "User": rig.identity.worker} for row in recorded]
        rig.kept["pools"] = own
    kept = rig.kept["pools"]
    assert isinstance(kept, list)
    return kept


def change(rig: Rig, kept: list[Row], command: str, parameter: str) -> str:
    """Carry out an order; gives why not, or nothing."""
    if command == "addpool":
        return _add(rig, kept, parameter.split(","))
    chosen = [row for row in kept if str(row["POOL"]) == parameter]
    if not chosen:
        return f"Invalid pool id {parameter}"
    if command == "switchpool":
        rig.writes.do(lambda: _rank([chosen[0], *(row for row in kept if row is not chosen[0])]))
        return ""
    if len(kept) == 1:
        return "Cannot remove last pool"
    if chosen[0]["Priority"] == 0:
        return "Cannot remove active pool"
    rig.writes.do(lambda: _remove(kept, chosen[0]))
    return ""


def _add(rig: Rig, kept: list[Row], words: list[str]) -> str:
    if len(words) not in (3, 4) or not words[0]:
        return "Invalid addpool details"
    number = len(kept)
    row = {**kept[-1], "POOL": number, "Priority": number, "Status": "Alive"}
    row |= {"URL": words[0], "Stratum URL": words[0], "User": words[1], "Accepted": 0}
    rig.writes.do(lambda: kept.append({**row, "Rejected": 0, "pass": words[2]}))
    return ""


def _remove(kept: list[Row], gone: Row) -> None:
    """Let the last pool take the number of the one that goes, as cgminer does."""
    kept[-1]["POOL"] = gone["POOL"]
    kept.remove(gone)
    kept.sort(key=lambda row: int(str(row["POOL"])))
    _rank(sorted(kept, key=lambda row: int(str(row["Priority"]))))


def _rank(order: list[Row]) -> None:
    for priority, row in enumerate(order):
        row["Priority"] = priority
