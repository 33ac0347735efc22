"""Topics as URLs: what can be one, and what a document must not say beside it."""

import pytest

from lode_hub.energy.signals.programme import described as programme
from lode_hub.energy.sources import described
from lode_hub.energy.topic import topic
from lode_hub.errors import InvalidError

SOURCE = """
quantity = "real-time"
unit = "USD/MWh"
format = "{form}"
node = "N"
{more}
[columns]
time = "t"
value = "v"
"""


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("mqtt://host/prices", "prices"), ("mqtts://u@host:8884/a/b%20c", "a/b c"),
        ("mqtt://[::1]:1883/a/+/c", "a/+/c"), ("mqtt://host//a", "/a"),
        ("mqtt://host/a/%23", "a/#"), ("mqtt://host/%23", "#"),
    ],
)  # fmt: skip
def test_a_url_names_a_topic(url: str, found: str) -> None:
    assert topic(url) == found


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("mqtt://host", "no topic"), ("mqtt://host/", "no topic"), ("mqtt:///a", "no broker"),
        ("mqtt://u:p@host/a", "use secret"), ("mqtt://u:@host/a", "use secret"),
        ("mqtt://host/a/#", "%23"), ("mqtt://host/a?b=c", "%3F"), ("mqtt://host/a+b", "no topic"),
        ("mqtt://host/%23/a", "no topic"), ("mqtt://host/a%23", "no topic"),
        ("mqtt://host/a%00", "no topic"), ("mqtt://host:0/a", "no broker"),
        ("mqtt://host:70000/a", "range"), ("mqtt://host/" + "a" * 501, "no topic"),
    ],
)  # fmt: skip
def test_a_url_without_one_says_why(url: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        topic(url)


@pytest.mark.parametrize(
    ("form", "more", "why"),
    [
        ("ercot", 'url = "mqtt://host/a"', "ercot by MQTT"),
        ("csv", 'url = "mqtt://u@host/a"', "goes with a secret"),
        ("csv", 'url = "mqtt://host/a"\nsecret = "s"', "goes with a secret"),
        ("csv", 'url = "mqtt://u@host/a"\nsecret = "s"\nsecret_header = "X"', "no header"),
        ("csv", 'url = "mqtt://u@host/a"\nsecret = "../s"', "small letters"),
        ("csv", 'url = "mqtt://host/a"\nca = "ours"', "ca goes with a url of mqtts"),
        ("csv", 'url = "https://host/a"\nca = "ours"', "ca goes with a url of mqtts"),
        ("csv", 'url = "mqtts://host/a"\nca = "../ours"', "ca"),
        ("csv", 'url = "amqp://host/a"', "expected https:// or mqtts://"),
    ],
)
def test_a_source_that_cannot_listen_says_why(form: str, more: str, why: str) -> None:
    with pytest.raises(InvalidError, match=why):
        described(SOURCE.format(form=form, more=more))
    assert described(SOURCE.format(form="csv", more='url = "mqtt://host/a"')).is_heard


@pytest.mark.parametrize("more", ['node = "N"', ""])
def test_what_is_looked_up_without_a_node_has_none(more: str) -> None:
    text = SOURCE.format(form="csv", more="").replace('node = "N"', more)
    text = text.replace('"real-time"', '"hashprice"').replace("USD/MWh", "USD/TH/day")
    if more:
        with pytest.raises(InvalidError, match="hashprice has no node"):
            described(text)
    else:
        assert described(text).quantity == "hashprice"


def test_a_programme_that_cannot_listen_says_why() -> None:
    for wrong in ('url = "https://host/a"', 'url = "mqtt://u@host/a"', 'url = "mqtt://host"'):
        with pytest.raises(InvalidError, match="mqtt"):
            programme(f"[mqtt]\n{wrong}")
