"""How much CPU processes have used: a figure that others on the machine disturb little."""

import os
from collections import Counter
from collections.abc import Collection
from pathlib import Path

_TICKS_A_S = os.sysconf("SC_CLK_TCK")
_NAME, _PARENT, _USED = 1, 3, slice(13, 15)  # fields of /proc/PID/stat


def used_s(roots: Collection[int]) -> Counter[str]:
    """Give the CPU seconds of processes and all below them, by the program's name."""
    found = {pid: stat for pid in _pids() if (stat := _stat(pid))}
    used: Counter[str] = Counter()
    for pid, stat in found.items():
        above = pid
        while above in found and above not in roots:
            above = int(found[above][_PARENT])
        if above in roots:
            used[stat[_NAME]] += sum(map(int, stat[_USED])) / _TICKS_A_S  # type: ignore[assignment]
    return used


def rss_bytes(pid: int) -> int:
    """Give the memory of a process that is in RAM now."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _pids() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]


def _stat(pid: int) -> list[str] | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None  # it has ended meanwhile
    before, _, after = text.rpartition(")")
    number, _, name = before.partition(" (")
    return [number, name, *after.split()]
