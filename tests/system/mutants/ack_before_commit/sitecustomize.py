"""A hub with a fault put in: it acknowledges batches before they are committed."""

import sys

if any("lode-hub" in argument or "lode_hub" in argument for argument in sys.orig_argv):
    from lode_hub.ingest import lane, pipeline
    from lode_wire import messages, topics

    made, written, told = pipeline.Pipeline.__init__, lane.Lane._write, []

    def remember(self, *arguments, **named):
        """Keep the way to the agents."""
        told.append(named["publish"])
        made(self, *arguments, **named)

    async def hasty(self, group):
        """Say that all of a group is committed, and only then commit it."""
        for one in group:
            one.incoming.ack()
            if one.header is not None:
                ack = messages.Ack(
                    agent=one.header.agent,
                    epoch=one.header.epoch,
                    mark=0,
                    sack=((one.header.seq, one.header.seq),),
                    credit=64,
                    hub_ms=one.incoming.received_ms,
                )
                topic = topics.ack(one.header.agent)
                told[-1](one.incoming.partition, topic, messages.encode(ack))
        return await written(self, group)

    pipeline.Pipeline.__init__ = remember
    lane.Lane._write = hasty
