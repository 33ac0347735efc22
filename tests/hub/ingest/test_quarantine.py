"""When unfit input is a finding."""

from lode_hub.ingest.quarantine import LEAST, WINDOW_MS, Watch
from tests.hub.ingest.agents import NOW_MS


def test_a_tenth_of_the_input_is_a_finding_until_it_is_over():
    watch = Watch()
    watch.count(3, NOW_MS, fit=90)
    watch.count(3, NOW_MS + 20_000, unfit=9, reason="payload: short")
    assert watch.findings(NOW_MS + 21_000) == []
    watch.count(3, NOW_MS + 30_000, unfit=2, reason="header: bad")
    (finding,) = watch.findings(NOW_MS + 31_000)
    assert finding.is_active
    assert (finding.rule, finding.subject) == ("agent-bad-input", "agent:3")
    assert finding.evidence["unfit"] == 11
    assert finding.likely_cause == "header: bad"
    (finding,) = watch.findings(NOW_MS + 31_000 + WINDOW_MS)
    assert not finding.is_active
    assert watch.findings(NOW_MS + 32_000 + WINDOW_MS) == []


def test_a_single_flipped_bit_alerts_nobody():
    watch = Watch()
    watch.count(1, NOW_MS, unfit=LEAST - 1)
    assert watch.findings(NOW_MS) == []


def test_agents_are_told_apart():
    watch = Watch()
    watch.count(1, NOW_MS, unfit=5)
    watch.count(2, NOW_MS, fit=5)
    assert [finding.subject for finding in watch.findings(NOW_MS)] == ["agent:1"]
