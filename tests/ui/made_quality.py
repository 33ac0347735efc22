"""Data quality made up: one bad source, one doubtful, one good."""

from lode_hub.queries.quality import QualityAgent, QualitySource, QualitySpan, SiteQuality


def site(name: str, span: QualitySpan, rigs: int, *, agent: str = "north-1") -> SiteQuality:
    sources = [
        source(agent=agent, driver="asic", devices=rigs, fresh=max(rigs - 3, 0), verdict="bad",
               completeness_ratio=0.874, error_ratio=0.021, held=120, duplicate=14,
               advice=("13% of the readings are missing: look at the agent's polls and link",)),
        source(agent=agent, kind="meter", driver="modbus", devices=2, fresh=2),
    ]  # fmt: skip
    return SiteQuality(
        site=name, span=span, verdict="bad", devices=rigs + 2, fresh=max(rigs - 1, 0),
        completeness_ratio=0.9, error_ratio=0.02, received=60_000, held=120, unit=8, duplicate=14,
        worst_offset_ms=-45_200.0, sources=sources if rigs else [],
        agents=[_agent(agent)] if rigs else [],
    )  # fmt: skip


def source(**values: object) -> QualitySource:
    shown: dict[str, object] = {
        "agent": "north-1", "kind": "rig", "driver": "asic", "devices": 40, "fresh": 40,
        "newest_age_s": 0.4, "oldest_age_s": 3.0, "expected": 12_000.0, "received": 12_010,
        "completeness_ratio": 1.0, "error_ratio": 0.0, "verdict": "good", "advice": (),
        "lag_s": 1.4,
    }  # fmt: skip
    counts = ("no_answer", "bad_answer", "partial", "out_of_range", "clock", "held", "late")
    shown |= dict.fromkeys((*counts, "duplicate", "unit", "reset", "rollover"), 0)
    return QualitySource(**(shown | values))


def _agent(name: str) -> QualityAgent:
    return QualityAgent(
        agent=name, state="live", committed_age_s=1.0, clock_offset_ms=-45_200.0,
        correction_ms=-45_200, open_gaps=1, lost_gaps=0, lost_records=0, quarantined=0,
        last_reason="", verdict="doubtful",
        advice=("times are shown corrected: set its clock, let it reach a time server",),
    )  # fmt: skip
