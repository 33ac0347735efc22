"""Devices that speak on a site's own MQTT broker."""

from lode_edge.drivers.mqtt.driver import MqttDevice

__all__ = ["MqttDevice"]
