"""The operations of the API as its own document describes them, and requests made from it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

Json = Any
_TEXTS = {"time_zone": "Etc/UTC", "kind": "email", "min_severity": "warning"}
SELF = ("/api/v1/session",)  # logging in and out would end the one who asks


@dataclass(frozen=True)
class Operation:
    """One method of one path."""

    method: str
    path: str
    parameters: tuple[dict[str, Json], ...]
    body: dict[str, Json] | None
    answers: frozenset[str]

    @property
    def name(self) -> str:
        return f"{self.method.upper()} {self.path}"

    def of(self, place: str) -> list[dict[str, Json]]:
        return [one for one in self.parameters if one["in"] == place]

    def url(self, **other: str) -> str:
        """Give the path with examples in it, or with `other` values in their places."""
        path = self.path
        for one in self.of("path"):
            value = other.get(one["name"], str(example(one["schema"], one["name"])))
            path = path.replace(f"{{{one['name']}}}", quote(value, safe=""))
        return path

    def query(self, **other: str) -> dict[str, str]:
        needed = {
            one["name"]: str(example(one["schema"], one["name"]))
            for one in self.of("query")
            if one.get("required")
        }
        return needed | other


def operations(document: dict[str, Json]) -> list[Operation]:
    """List what the document offers, with every reference resolved."""
    schemas = document["components"]["schemas"]
    found = []
    for path, methods in document["paths"].items():
        for method, said in methods.items():
            content = said.get("requestBody", {}).get("content", {})
            body = content.get("application/json", {}).get("schema")
            found.append(
                Operation(
                    method,
                    path,
                    tuple(said.get("parameters", ())),
                    None if body is None else resolved(body, schemas),
                    frozenset(said["responses"]),
                )
            )
    return [one for one in found if one.path not in SELF]


def resolved(schema: Json, schemas: dict[str, Json]) -> Json:
    if isinstance(schema, list):
        return [resolved(one, schemas) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema and str(schema["$ref"]).startswith("#/"):
        return resolved(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    return {key: resolved(value, schemas) for key, value in schema.items()}


def example(schema: dict[str, Json], name: str = "") -> Json:
    """Make a value that the schema allows."""
    if "const" in schema or "enum" in schema:
        return schema.get("const", schema.get("enum", [None])[0])
    choices = schema.get("anyOf") or schema.get("oneOf")
    if choices:
        return example(choices[0], name)
    if schema.get("type") == "object":
        needed = schema.get("required", ())
        parts = schema.get("properties", {})
        return {key: example(part, key) for key, part in parts.items() if key in needed}
    if schema.get("type") == "array":
        return [example(schema.get("items", {}), name)]
    number = schema.get("minimum", 1)
    plain = {"integer": number, "number": number, "boolean": True}
    text = _TEXTS.get(name, "x" * max(1, schema.get("minLength", 0)))
    return plain.get(schema.get("type", ""), text)


def kinds(schema: dict[str, Json]) -> set[str]:
    """Name the JSON types that a schema allows."""
    if "type" in schema:
        return {schema["type"]}
    found: set[str] = set()
    for choice in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
        found |= kinds(choice)
    return found


def beyond(schema: dict[str, Json]) -> list[str]:
    """Write values, as they stand in a URL, that the schema's own limits exclude."""
    shapes = [schema, *schema.get("anyOf", ())]
    found: list[str] = []
    for one in shapes:
        kind = one.get("type")
        if kind in ("integer", "number"):
            found += ["", "x", "1e400", "NaN", "9" * 30]
            found += [str(one["minimum"] - 1)] if "minimum" in one else []
            found += [str(one["maximum"] + 1)] if "maximum" in one else []
        if kind == "string":
            found += ["x" * (one["maxLength"] + 1)] if "maxLength" in one else []
            found += ["nothing of the list"] if "enum" in one else []
        if kind == "boolean":
            found.append("perhaps")
    return found


def hostile_bodies(schema: dict[str, Json]) -> Iterator[str]:
    """Write bodies that go wrong in one place each: type, limit, characters, numbers of JSON."""
    yield from ("", "nonsense", "[]", "null", '"x"', "7", "{", '{"strange": 1}', "[" * 500)
    good = example(schema)
    if not isinstance(good, dict):
        return
    for key, part in schema.get("properties", {}).items():
        for text in _hostile(kinds(part)):
            rest = json.dumps({one: value for one, value in good.items() if one != key})
            comma = ", " if rest != "{}" else ""
            yield f"{rest[:-1]}{comma}{json.dumps(key)}: {text}}}"


def _hostile(allowed: set[str]) -> Iterator[str]:
    yield from ("{}", "[[]]")
    if "string" in allowed:
        yield from ('"a\\u0000b"', '"\\ud800"')
    if allowed & {"integer", "number"}:
        yield from ("-1", "1e400", "NaN", "-Infinity", str(2**63), str(2**200))
    if "array" in allowed:
        yield from ("[null]", '["a\\u0000b"]', '["\\ud800"]', '[{"strange": 1}]')
