"""The whole system, as processes, under every fault we could think of."""
