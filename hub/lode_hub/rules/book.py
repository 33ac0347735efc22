"""The book of rules: layers are laid over each other, checked, and kept as versions.

    shipped.toml ◄ rules file ◄ a person, everywhere ◄ the same three for one site
          └──────────────┴─────────────┴── merged, checked ─► alert_rule, a version for each change

All processes of the hub read the versions in the database; none reads files but at the start.
"""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from lode_hub.alerts.journal import Journal
from lode_hub.errors import InvalidError
from lode_hub.rules.schema import Rule, check_together, hint, made, merged
from lode_hub.store import Store, alerts_rules
from lode_hub.store import alerts as rows
from lode_hub.store.alerts_rules import Key, Layer
from lode_hub.store.asking import asking
from lode_hub.store.connection import Connection

MAX_RULES = 500
MAX_BYTES = 1 << 20


def shipped() -> list[Layer]:
    """Read the rules that come with the hub."""
    text = (resources.files("lode_hub.rules") / "shipped.toml").read_text()
    return _parsed(text, "shipped", "shipped.toml")


def read(file: Path) -> list[Layer]:
    """Read a rules file, each rule of it checked over the shipped ones.

    Raises:
        InvalidError: it cannot be read, is no TOML, or says something that cannot be.
    """
    try:
        if file.stat().st_size > MAX_BYTES:
            raise InvalidError(f"rules: {file}: larger than {MAX_BYTES} bytes; split it up")
        text = file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidError(f"rules: {file}: cannot be read: {error}; check the path") from None
    layers = _parsed(text, "file", str(file))
    effective([*shipped(), *layers])
    return layers


def effective(layers: Sequence[Layer]) -> dict[Key, Rule]:
    """Give every rule as it is in effect, everywhere and for each site that has its own.

    Raises:
        InvalidError: a rule cannot be, or two silence each other.
    """
    keys: list[Key] = [(layer.name, layer.site) for layer in layers]
    rules = {key: _rule(key, layers) for key in dict.fromkeys(keys)}
    for site in dict.fromkeys(site for _, site in rules):
        check_together([rules.get((name, site), rules[name, None]) for name, _ in _general(rules)])
    return rules


async def install(store: Store, file: Path | None, by: str = "hub") -> None:
    """Bring the database's rules up to what is shipped and what the file says now.

    Raises:
        InvalidError: the file cannot be, or does not fit what people have changed.
    """
    layers = read(file) if file is not None else []
    async with store.pool.connection() as conn, conn.transaction():
        await rows.serialise(conn)
        await alerts_rules.replace(conn, "shipped", shipped(), by)
        await alerts_rules.replace(conn, "file", layers, by)
        await _put(conn, by, Journal(conn, await alerts_rules.now_ms(conn)))


async def edit(
    store: Store, key: Key, body: Mapping[str, Any] | None, by: str, now_ms: int
) -> None:
    """Let a person's words on a rule be these, or none any more; a change makes a new version.

    The alerts of a rule that is thereby off, or gone, end.

    Raises:
        InvalidError: the rule cannot be so, or there is no such site.
    """
    async with asking(store) as conn, conn.transaction():
        await rows.serialise(conn)
        await alerts_rules.set_person(conn, *key, body, by)
        journal = Journal(conn, now_ms)
        await _put(conn, by, journal)
        await journal.announce()


async def _put(conn: Connection, by: str, journal: Journal) -> None:
    rules = effective(await alerts_rules.layers(conn))
    if len(rules) > MAX_RULES:
        raise InvalidError(f"rules: {len(rules)} are more than {MAX_RULES}; widen scopes instead")
    known = {(row.name, row.site): row for row in await alerts_rules.current(conn)}
    for key, rule in rules.items():
        body = rule.model_dump(mode="json")
        if key not in known or known[key].body != body:
            await alerts_rules.put(conn, key[1], rule.name, body, by)
    for name, site in known.keys() - rules.keys():
        await alerts_rules.retire(conn, name, site)
    for name, site in _switched_off(known, rules):
        own = [at for other, at in rules if other == name and at is not None]
        ids = await rows.of_rule(conn, name, site, but=own)
        await journal.resolve(ids, note="rule off")


def _switched_off(
    known: Mapping[Key, alerts_rules.Version], rules: Mapping[Key, Rule]
) -> list[Key]:
    """List what was on and is off now, or gone; a site without words of its own has the general."""
    was_on = {key: bool(row.body["enabled"]) for key, row in known.items()}
    is_on = {key: rule.enabled for key, rule in rules.items()}
    return [
        key
        for key in dict.fromkeys([*known, *rules])
        if was_on.get(key, was_on.get((key[0], None), True))
        and not is_on.get(key, is_on.get((key[0], None), False))
    ]


def _rule(key: Key, layers: Sequence[Layer]) -> Rule:
    name, site = key
    mine = [layer for layer in layers if layer.name == name]
    general = [layer for layer in mine if layer.site is None]
    local = [layer for layer in mine if layer.site == site and site is not None]
    origin = (local or general)[-1].origin
    where = f"{origin}: rule {name}" + (f" at {site}" if site else "")
    body = merged([layer.body for layer in _in_order(general) + _in_order(local)])
    rule = made({**body, "name": name}, where)
    base = next((layer.body for layer in mine if layer.layer == "shipped"), None)
    if base is None and rule.metric is None:
        names = {layer.name for layer in layers if layer.layer == "shipped"}
        raise InvalidError(
            f"{where}: there is no such rule; {hint(name, names)}, or give it a metric"
        )
    strange = set(rule.thresholds) - set((base or {}).get("thresholds", ()))
    if strange:
        known = (base or {}).get("thresholds", ())
        said = hint(min(strange), known) if known else "it has none"
        raise InvalidError(f"{where}: thresholds.{min(strange)}: unknown; {said}")
    return rule


def _in_order(layers: Iterable[Layer]) -> list[Layer]:
    order = ("shipped", "file", "person")
    return sorted(layers, key=lambda layer: order.index(layer.layer))


def _general(rules: Mapping[Key, Rule]) -> list[Key]:
    return [key for key in rules if key[1] is None]


def _parsed(text: str, layer: alerts_rules.Origin, origin: str) -> list[Layer]:
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidError(f"rules: {origin}: no TOML: {error}; mend it there") from None
    strange = set(table) - {"rule"}
    listed = table.get("rule", [])
    if strange or not isinstance(listed, list):
        what = f"unknown key {min(strange)}" if strange else "rule is no list of tables"
        raise InvalidError(f"rules: {origin}: {what}; begin each rule with [[rule]]")
    return [_layer(body, layer, f"{origin}: [[rule]] {no}") for no, body in enumerate(listed, 1)]


def _layer(body: object, layer: alerts_rules.Origin, where: str) -> Layer:
    if not isinstance(body, dict) or not isinstance(body.get("name"), str):
        raise InvalidError(f"rules: {where}: it has no name; give it one")
    rest = {key: value for key, value in body.items() if key not in {"name", "site"}}
    site = body.get("site")
    if site is not None and not isinstance(site, str):
        raise InvalidError(f"rules: {where}: site: it is no text; name one site")
    return Layer(name=body["name"], site=site, layer=layer, body=rest, origin=where)
