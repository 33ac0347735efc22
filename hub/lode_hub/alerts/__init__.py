"""Alerts: from findings to open, acknowledged, resolved; each change told through the outbox."""

from lode_hub.alerts.lifecycle import Taken, acknowledge, resolve, take

__all__ = ["Taken", "acknowledge", "resolve", "take"]
