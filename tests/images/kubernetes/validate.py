"""Holds files of objects to the schemas of one release of Kubernetes (`KUBERNETES_SCHEMAS`); says what is wrong."""

import sys

import yaml

import fields

found = []
for name in sys.argv[1:]:
    with open(name) as file:
        for obj in yaml.safe_load_all(file):
            found += [f"{name}: {obj['kind']} {fault}" for fault in fields.faults(obj)]
sys.exit("\n".join(found) or 0)
