"""Alerts: from findings to open, acknowledged, resolved; each change told through the outbox."""

from lode_hub.alerts.lifecycle import Taken, acknowledge, acknowledge_open, resolve, take
from lode_hub.alerts.quiet import (
    Matchers,
    Span,
    end_maintenance,
    end_silence,
    maintain,
    shelve,
    silence,
    unshelve,
)

__all__ = [
    "Matchers",
    "Span",
    "Taken",
    "acknowledge",
    "acknowledge_open",
    "end_maintenance",
    "end_silence",
    "maintain",
    "resolve",
    "shelve",
    "silence",
    "take",
    "unshelve",
]
