"""Devices that speak on a site's own MQTT broker."""

from lode_edge.drivers.mqtt.driver import MqttStream

__all__ = ["MqttStream"]
