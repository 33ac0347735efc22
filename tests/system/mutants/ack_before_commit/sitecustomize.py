"""A hub with a fault put in: it acknowledges batches before they are committed."""

import sys

if any(argument.endswith("lode-hub") for argument in sys.orig_argv):
    from lode_hub.ingest import pipeline
    from lode_wire import messages, topics

    written = pipeline.Pipeline._write

    async def hasty(self, group):
        """Say that all of a group is committed, and only then commit it."""
        for one in group:
            if one.header is not None:
                ack = messages.Ack(
                    agent=one.header.agent,
                    epoch=one.header.epoch,
                    mark=0,
                    sack=((one.header.seq, one.header.seq),),
                    credit=64,
                    hub_ms=pipeline._now_ms(),
                )
                topic = topics.ack(one.header.agent)
                self._publish(one.incoming.partition, topic, messages.encode(ack))
        return await written(self, group)

    pipeline.Pipeline._write = hasty
