"""An agent with a fault put in: it takes the broker's PUBACK for the hub's acknowledgement."""

import sys

if any("lode-edge" in argument for argument in sys.orig_argv):
    from lode_edge.uplink import sender
    from lode_edge.uplink.transport import Receipt
    from lode_wire.messages import Ack

    handled = sender.Sender.handle

    def trusting(self, events):
        """Delete what the broker has taken."""
        events = list(events)
        tokens = {event.token for event in events if isinstance(event, Receipt)}
        for sent in [*self.window._on_way.values()]:
            if sent.token in tokens:
                told = {"agent": self.identity.agent, "epoch": sent.epoch, "hub_ms": 0, "mark": 0}
                self._store.acknowledge(Ack(**told, sack=((sent.seq, sent.seq),)))
        handled(self, events)

    sender.Sender.handle = trusting
