"""Devices behind Sparkplug B edge nodes on a site's own broker."""

from lode_edge.drivers.sparkplug.driver import SparkplugStream

__all__ = ["SparkplugStream"]
