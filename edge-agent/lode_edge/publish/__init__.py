"""What the agent tells others on the site: a Sparkplug edge node, Home Assistant's discovery."""

from lode_edge.publish.publisher import Publisher

__all__ = ["Publisher"]
