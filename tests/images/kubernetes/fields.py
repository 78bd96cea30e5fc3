"""Server-side apply as the API server does it: what of an object belongs to whom, by the schemas that Kubernetes
publishes (list types, merge keys, atomic maps). A path is a tuple of steps: ("f", field), ("k", keys of an item),
("v", an item of a set)."""

import copy
import json
import os
import re

import jsonschema
import kubernetes_validate
import referencing

VERSION = os.environ.get("KUBERNETES_SCHEMAS", "v1.37.0")
HOME = os.path.join(os.path.dirname(kubernetes_validate.__file__), "kubernetes-json-schema", f"{VERSION}-local-strict")
with open(os.path.join(HOME, "_definitions.json")) as file:
    DEFINITIONS = json.load(file)
VALIDATORS = {}
# What the server keeps for itself belongs to nobody.
NOBODY = {("f", "apiVersion"), ("f", "kind"), ("f", "status")}
METADATA = {"name", "namespace", "uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", "deletionTimestamp"}


class Conflict(Exception):
    """Others say something else."""

    def __init__(self, causes):
        super().__init__(causes)
        self.causes = causes


def schema_of(api_version, kind):
    api = re.sub(r"^([^./]*)(?:\.[^/]*)?/", r"\1-", api_version)
    with open(os.path.join(HOME, f"{kind.lower()}-{api}.json")) as file:
        return json.load(file)


def faults(obj):
    """What is wrong with an object, unknown fields included."""
    key = (obj["apiVersion"], obj["kind"])
    if key not in VALIDATORS:
        schema = schema_of(*key)
        registry = referencing.Resource.from_contents(DEFINITIONS) @ referencing.Registry()
        registry = referencing.Resource.from_contents(schema) @ registry
        VALIDATORS[key] = jsonschema.validators.Draft202012Validator(schema, registry=registry)
    return [f"{error.json_path}: {error.message[:300]}" for error in VALIDATORS[key].iter_errors(obj)]


def resolve(schema):
    while schema and "$ref" in schema:
        schema = {**DEFINITIONS["$defs"][schema["$ref"].rsplit("/", 1)[1]], **{k: v for k, v in schema.items() if k != "$ref"}}
    return schema or {}


def below(schema, name):
    schema = resolve(schema)
    if name in schema.get("properties", {}):
        return schema["properties"][name]
    more = schema.get("additionalProperties")
    return more if isinstance(more, dict) else {}


def list_keys(schema):
    """Names of the keys of items; [] of a set; None of an atomic list."""
    kind = schema.get("x-kubernetes-list-type", "atomic")
    if kind == "map":
        return schema["x-kubernetes-list-map-keys"]
    return [] if kind == "set" else None


def step(item, keys):
    if not keys:
        return ("v", json.dumps(item, sort_keys=True))
    # The default of the one key that has one.
    found = {key: item.get(key, "TCP" if key == "protocol" else None) for key in keys}
    return ("k", json.dumps(found, sort_keys=True))


def fields(value, schema, path=()):
    """All paths that an applied object has something to say of."""
    schema = resolve(schema)
    atomic = schema.get("x-kubernetes-map-type") == "atomic"
    if isinstance(value, dict) and not atomic and value:
        found = set()
        for name, inner in value.items():
            if path == () and ("f", name) in NOBODY or path == (("f", "metadata"),) and name in METADATA:
                continue
            found |= fields(inner, below(schema, name), path + (("f", name),))
        return found
    if isinstance(value, list) and list_keys(schema) is not None and value:
        found = set()
        for item in value:
            at = path + (step(item, list_keys(schema)),)
            found |= {at} | (fields(item, schema.get("items"), at) if list_keys(schema) else set())
        return found
    return {path}


def merge(live, applied, schema):
    schema = resolve(schema)
    if isinstance(live, dict) and isinstance(applied, dict) and schema.get("x-kubernetes-map-type") != "atomic":
        merged = dict(live)
        for name, value in applied.items():
            merged[name] = merge(live.get(name), value, below(schema, name))
        return merged
    keys = list_keys(schema) if isinstance(applied, list) else None
    if isinstance(live, list) and keys is not None:
        places = {step(item, keys): at for at, item in enumerate(live)}
        merged = list(live)
        for item in applied:
            at = places.get(step(item, keys))
            if at is None:
                merged.append(copy.deepcopy(item))
            else:
                merged[at] = merge(live[at], item, schema.get("items"))
        return merged
    return copy.deepcopy(applied)


def value_at(value, schema, path):
    """The value at a path, or None."""
    for kind, key in path:
        schema = resolve(schema)
        if kind == "f":
            if not isinstance(value, dict) or key not in value:
                return None
            value, schema = value[key], below(schema, key)
        else:
            keys = list_keys(schema)
            items = [item for item in value or [] if keys is not None and step(item, keys) == (kind, key)]
            if not items:
                return None
            value, schema = items[0], schema.get("items")
    return value


def remove(value, schema, path):
    (kind, key), rest = path[0], path[1:]
    schema = resolve(schema)
    if kind == "f":
        if not isinstance(value, dict) or key not in value:
            return
        if rest:
            remove(value[key], below(schema, key), rest)
            if value[key] in ({}, []):
                del value[key]
        else:
            del value[key]
    elif isinstance(value, list) and list_keys(schema) is not None:
        for item in [item for item in value if step(item, list_keys(schema)) == (kind, key)]:
            if rest:
                remove(item, schema.get("items"), rest)
            else:
                value.remove(item)


def apply(live, applied, owners, manager, force):
    """The object after somebody has applied; `owners` maps names to (operation, paths), and is changed."""
    schema = schema_of(applied["apiVersion"], applied["kind"])
    said = fields(applied, schema)
    merged = merge(live, applied, schema) if live else copy.deepcopy(applied)
    causes = []
    for other, (operation, paths) in sorted(owners.items()):
        if other == manager and operation == "Apply":
            continue
        both = {path for path in said & paths if value_at(live, schema, path) != value_at(merged, schema, path) and not isinstance(value_at(live, schema, path), (dict,))}
        causes += [(other, operation, dotted(path)) for path in sorted(both)]
        if force:
            owners[other] = (operation, paths - both)
    if causes and not force:
        raise Conflict(causes)
    before = owners.get(manager, ("Apply", set()))[1]
    kept = set().union(*(paths for other, (_, paths) in owners.items() if other != manager)) if owners else set()
    kept = {path[:end] for path in kept | said for end in range(1, len(path) + 1)}
    # Whole items before what is in them.
    for path in sorted(before - said - kept, key=len):
        remove(merged, schema, path)
    owners[manager] = ("Apply", said)
    return merged


def changed_by(before, after, owners, manager):
    """Somebody has written an object as a whole: what became another is theirs."""
    schema = schema_of(after["apiVersion"], after["kind"])
    now = fields(after, schema)
    theirs = {path for path in now if before is None or value_at(before, schema, path) != value_at(after, schema, path)}
    for other, (operation, paths) in list(owners.items()):
        if other != manager:
            owners[other] = (operation, (paths - theirs) & now)
    old = owners.get(manager, ("Update", set()))[1]
    owners[manager] = ("Update", (old & now) | theirs)


def dotted(path):
    text = ""
    for kind, key in path:
        text += f".{key}" if kind == "f" else f"[{key}]" if kind == "v" else "[" + ",".join(f"{k}={json.dumps(v)}" for k, v in json.loads(key).items()) + "]"
    return text


def managed(api_version, owners):
    """As `metadata.managedFields` shows it."""
    entries = []
    for manager, (operation, paths) in sorted(owners.items()):
        tree = {}
        for path in sorted(paths):
            node = tree
            for kind, key in path:
                node = node.setdefault(f"{kind}:{key}", {})
            if path and path[-1][0] == "k":
                node["."] = {}
        if paths:
            entries.append({"manager": manager, "operation": operation, "apiVersion": api_version, "fieldsType": "FieldsV1", "fieldsV1": tree})
    return entries
