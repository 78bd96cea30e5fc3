"""Holds the documents of an image layout against the libraries of their makers: the bill of materials
against CycloneDX's schema, the statement of provenance against in-toto's messages. Prints what they say."""

import json
import pathlib
import sys

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from google.protobuf import json_format
from in_toto_attestation.predicates.provenance.v1 import provenance_pb2
from in_toto_attestation.v1 import statement, statement_pb2

layout = pathlib.Path(sys.argv[1])


def blob(descriptor):
    return (layout / "blobs/sha256" / descriptor["digest"].split(":")[1]).read_text()


def bill(text):
    fault = JsonStrictValidator(SchemaVersion.V1_5).validate_str(text)
    assert fault is None, fault
    document = json.loads(text)
    return {"components": sorted(item["purl"] for item in document["components"]),
            "roots": [item for item in document["dependencies"] if item["ref"] == "gateway"]}


def provenance(text):
    # Strict: a field that the message lacks is an error.
    message = json_format.Parse(text, statement_pb2.Statement())
    statement.Statement.copy_from_pb(message).validate()
    predicate = json_format.ParseDict(json_format.MessageToDict(message.predicate), provenance_pb2.Provenance())
    definition = predicate.build_definition
    assert definition.build_type and predicate.run_details.builder.id
    named = {item.name: item.digest["sha256"] for item in definition.resolved_dependencies if item.name}
    crates = sorted(item.uri for item in definition.resolved_dependencies if item.uri)
    return {"subject": message.subject[0].digest["sha256"], "named": named, "crates": crates}


found = {}
for descriptor in json.loads((layout / "index.json").read_text())["manifests"]:
    kind = descriptor.get("artifactType")
    if kind:
        manifest = json.loads(blob(descriptor))
        assert manifest["artifactType"] == kind
        read = {"application/vnd.cyclonedx+json": bill, "application/vnd.in-toto+json": provenance}[kind]
        about = found.setdefault(manifest["subject"]["digest"], {})
        about[read.__name__] = read(blob(manifest["layers"][0]))
print(json.dumps(found))
