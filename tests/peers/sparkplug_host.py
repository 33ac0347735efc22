"""A Sparkplug host by pysparkplug: prints what it understands as JSON lines, and its complaints.

sparkplug_host.py PORT GROUP NODE; a line `rebirth` on standard input asks the node for one.
"""

import json
import sys
import threading
import time

import pysparkplug as psp


def say(**what: object) -> None:
    print(json.dumps(what, default=str), flush=True)


def told(_client: psp.Client, message: psp.Message) -> None:
    payload = message.payload
    metrics = getattr(payload, "metrics", None)
    say(
        verb=str(message.topic.message_type.value),
        device=message.topic.device_id,
        qos=int(message.qos),
        retain=bool(message.retain),
        seq=getattr(payload, "seq", None),
        timestamp=getattr(payload, "timestamp", None),
        bdseq=payload.bd_seq_metric.value if isinstance(payload, psp.NDeath) else None,
        metrics=[
            {
                "name": metric.name,
                "type": metric.datatype.name,
                "value": metric.value,
                "null": metric.is_null,
                "historical": metric.is_historical,
                "alias": metric.alias,
                "at_ms": metric.timestamp,
            }
            for metric in metrics or ()
        ],
    )


def careful(client: psp.Client, message: object) -> None:
    """Decode by pysparkplug's own rules; whatever it does not like is a complaint."""
    try:
        told(client, client._handle_message(message))
    except Exception as error:
        say(complaint=f"{type(error).__name__}: {error}", topic=message.topic)


def main(port: int, group: str, node: str) -> None:
    client = psp.Client(client_id="peer-host")
    client._client.on_message = lambda _client, _data, message: careful(client, message)
    ready = threading.Event()
    client._client.on_subscribe = lambda *_: ready.set()

    def connected(_client: psp.Client) -> None:
        client._client.subscribe([(f"spBv1.0/{group}/#", 1)])

    client.connect("127.0.0.1", port=port, callback=connected)
    ready.wait(10)
    say(ready=True)
    for line in sys.stdin:
        if line.strip() == "rebirth":
            rebirth(client, group, node)
    client.disconnect()


def rebirth(client: psp.Client, group: str, node: str) -> None:
    at_ms = int(time.time() * 1000)
    wish = psp.Metric(
        timestamp=at_ms, name="Node Control/Rebirth", datatype=psp.DataType.BOOLEAN, value=True
    )
    topic = psp.Topic(group_id=group, message_type=psp.MessageType.NCMD, edge_node_id=node)
    payload = psp.NCmd(timestamp=at_ms, metrics=(wish,))
    message = psp.Message(topic=topic, payload=payload, qos=psp.QoS.AT_MOST_ONCE, retain=False)
    client.publish(message, include_dtypes=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3])
