"""What an API server keeps: objects, their versions, and what happened to them, for those who watch."""

import copy
import datetime
import threading
import uuid

import fields

# Kinds: (API, plural) -> kind, and whether a change of `spec` counts as a generation.
KINDS = {
    ("v1", "configmaps"): ("ConfigMap", False),
    ("v1", "pods"): ("Pod", True),
    ("v1", "secrets"): ("Secret", False),
    ("v1", "serviceaccounts"): ("ServiceAccount", False),
    ("v1", "services"): ("Service", False),
    ("apps/v1", "controllerrevisions"): ("ControllerRevision", False),
    ("apps/v1", "deployments"): ("Deployment", True),
    ("apps/v1", "replicasets"): ("ReplicaSet", True),
    ("autoscaling/v2", "horizontalpodautoscalers"): ("HorizontalPodAutoscaler", False),
    ("networking.k8s.io/v1", "networkpolicies"): ("NetworkPolicy", True),
    ("policy/v1", "poddisruptionbudgets"): ("PodDisruptionBudget", True),
}
# Events that are remembered: a version before them is too old.
EVENTS_MAX = 1000


class Refused(Exception):
    def __init__(self, code, reason, message, causes=()):
        super().__init__(message)
        self.code, self.reason, self.message, self.causes = code, reason, message, list(causes)


class Store:
    def __init__(self):
        self.lock = threading.Condition(threading.RLock())
        self.objects = {}
        self.owners = {}
        self.version = 100
        self.events = []
        self.oldest = 100

    def get(self, key):
        found = self.objects.get(key)
        if not found:
            raise Refused(404, "NotFound", f'{key[1]} "{key[3]}" not found')
        return found

    def list(self, api, plural, namespace, chosen=lambda _: True):
        found = [obj for key, obj in sorted(self.objects.items()) if key[:3] == (api, plural, namespace) and chosen(obj)]
        return copy.deepcopy(found), self.version

    def apply(self, key, applied, manager, force, dry_run):
        """Server-side apply; whether it is new, and the object."""
        api, plural, namespace, name = key
        kind = KINDS[(api, plural)][0]
        meta = applied.get("metadata", {})
        if (applied.get("apiVersion"), applied.get("kind")) != (api, kind):
            raise Refused(400, "BadRequest", f"it is no {kind} of {api}")
        if meta.get("name", name) != name or meta.get("namespace", namespace) != namespace:
            raise Refused(400, "BadRequest", "name or namespace is not that of the URL")
        live = self.objects.get(key)
        owners = copy.deepcopy(self.owners.get(key, {}))
        try:
            after = fields.apply(copy.deepcopy(live), applied, owners, manager, force)
        except fields.Conflict as conflict:
            many = len(conflict.causes)
            text = f"Apply failed with {many} conflict{'s' * (many > 1)}: " + ", ".join(f'conflict with "{other}" using {api}: {path}' for other, _, path in conflict.causes)
            causes = [{"reason": "FieldManagerConflict", "message": f'conflict with "{other}"', "field": path} for other, _, path in conflict.causes]
            raise Refused(409, "Conflict", text, causes) from None
        return live is None, self.put(key, after, owners, manager, dry_run)

    def write(self, key, obj, manager, dry_run=False, subresource=False):
        """Somebody writes an object as a whole; controllers write the status."""
        owners = copy.deepcopy(self.owners.get(key, {}))
        if not subresource:
            fields.changed_by(self.objects.get(key), obj, owners, manager)
        return self.put(key, obj, owners, None if subresource else manager, dry_run)

    def put(self, key, obj, owners, manager, dry_run=False):
        api, plural, namespace, name = key
        live = self.objects.get(key)
        obj = copy.deepcopy(obj)
        meta = obj.setdefault("metadata", {})
        meta.update({"name": name, "namespace": namespace})
        for field in ("uid", "creationTimestamp"):
            if live:
                meta[field] = live["metadata"][field]
        meta.setdefault("uid", str(uuid.uuid4()))
        meta.setdefault("creationTimestamp", now())
        defaults(obj)
        check(obj, live)
        counts = KINDS[(api, plural)][1]
        generation = live["metadata"].get("generation", 0) if live else 0
        changed = not live or live.get("spec") != obj.get("spec")
        if counts:
            meta["generation"] = generation + changed
        meta["managedFields"] = stamped(fields.managed(api, owners), obj, live, manager)
        if live:
            meta["resourceVersion"] = live["metadata"]["resourceVersion"]
            if live == obj:
                return obj
        if not dry_run:
            self.version += 1
            meta["resourceVersion"] = str(self.version)
            self.owners[key] = owners
            self.objects[key] = obj
            self.tell("MODIFIED" if live else "ADDED", key, obj)
        elif not live:
            meta.pop("resourceVersion", None)
        return copy.deepcopy(obj)

    def delete(self, key):
        obj = self.get(key)
        self.version += 1
        del self.objects[key]
        self.owners.pop(key, None)
        gone = copy.deepcopy(obj)
        gone["metadata"]["resourceVersion"] = str(self.version)
        self.tell("DELETED", key, gone)
        for other, owned in list(self.objects.items()):
            if other in self.objects and any(owner["uid"] == obj["metadata"]["uid"] for owner in owned["metadata"].get("ownerReferences", [])):
                self.delete(other)
        return gone

    def tell(self, what, key, obj):
        self.events.append((self.version, what, key, copy.deepcopy(obj)))
        if len(self.events) > EVENTS_MAX:
            self.forget(len(self.events) - EVENTS_MAX)
        self.lock.notify_all()

    def forget(self, many=None):
        """What etcd does when it is compacted."""
        gone = self.events if many is None else self.events[:many]
        if gone:
            self.oldest = gone[-1][0]
        self.events = self.events[len(gone):]


def stamped(entries, obj, live, manager):
    """With the times at which each has changed something last."""
    before = {entry["manager"]: entry for entry in live["metadata"]["managedFields"]} if live else {}
    same = live and all(live.get(part) == obj.get(part) for part in live.keys() | obj.keys() if part not in ("metadata", "status"))
    same = same and all(live["metadata"].get(part) == obj["metadata"].get(part) for part in ("annotations", "labels"))
    for entry in entries:
        old = before.get(entry["manager"])
        kept = old and (entry["manager"] != manager or same and old["fieldsV1"] == entry["fieldsV1"])
        entry["time"] = old["time"] if kept else now()
    return entries


def now():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def defaults(obj):
    """The fields that the server fills in, as far as clients notice."""
    spec = obj.get("spec", {})
    if obj["kind"] == "Deployment":
        spec.setdefault("replicas", 1)
        pod(spec.get("template", {}).get("spec", {}))
    if obj["kind"] == "Pod":
        pod(spec)
        obj.setdefault("status", {"phase": "Pending"})
    if obj["kind"] == "Service":
        spec.setdefault("type", "ClusterIP")
        spec.setdefault("clusterIP", "10.96.0.10")
        spec.setdefault("sessionAffinity", "None")
        spec.setdefault("internalTrafficPolicy", "Cluster")


def pod(spec):
    spec.setdefault("restartPolicy", "Always")
    spec.setdefault("dnsPolicy", "ClusterFirst")
    spec.setdefault("schedulerName", "default-scheduler")
    if "serviceAccountName" in spec:
        spec.setdefault("serviceAccount", spec["serviceAccountName"])
    for container in spec.get("containers", []):
        container.setdefault("terminationMessagePath", "/dev/termination-log")
        container.setdefault("terminationMessagePolicy", "File")
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            if probe in container:
                container[probe].setdefault("successThreshold", 1)


def check(obj, live):
    """Schemas, and what the server checks beyond them of the objects that we use."""
    found = fields.faults({key: value for key, value in obj.items() if key != "status"})
    spec = obj.get("spec", {})
    if obj["kind"] == "Deployment" and not found:
        if live and live["spec"]["selector"] != spec["selector"]:
            found.append("spec.selector: field is immutable")
        labels = spec["template"].get("metadata", {}).get("labels", {})
        if any(labels.get(name) != value for name, value in spec["selector"].get("matchLabels", {}).items()):
            found.append("spec.template.metadata.labels: `selector` does not match template `labels`")
        found += pod_faults(spec["template"]["spec"])
    if obj["kind"] == "Pod" and not found:
        found += pod_faults(spec)
        if live and {**live["spec"], "containers": 0} != {**spec, "containers": 0}:
            found.append("spec: pod updates may not change fields")
    if obj["kind"] == "ControllerRevision" and live and live["data"] != obj["data"]:
        found.append("data: field is immutable")
    if obj["kind"] == "Service":
        names = [port.get("name") for port in spec.get("ports", [])]
        if len(set(names)) != len(names) or not names:
            found.append("spec.ports: Required and unique names")
    if found:
        name = obj["metadata"]["name"]
        raise Refused(422, "Invalid", f'{obj["kind"]} "{name}" is invalid: ' + "; ".join(found[:5]))


def pod_faults(spec):
    found = []
    volumes = [volume["name"] for volume in spec.get("volumes", [])]
    for container in spec["containers"]:
        paths = [mount["mountPath"] for mount in container.get("volumeMounts", [])]
        if len(set(paths)) != len(paths):
            found.append("volumeMounts.mountPath: must be unique")
        found += [f"volumeMounts.name: Not found: {mount['name']}" for mount in container.get("volumeMounts", []) if mount["name"] not in volumes]
        ports = [port.get("name", "") for port in container.get("ports", [])]
        found += [f"ports.name: {name} is invalid" for name in ports if len(name) > 15 or ports.count(name) > 1]
        for quantity in container.get("resources", {}).get("limits", {}):
            if "/" not in quantity and quantity not in ("cpu", "memory", "ephemeral-storage"):
                found.append(f"resources.limits: {quantity} is no resource")
        for variable in container.get("env", []):
            if "value" in variable and "valueFrom" in variable:
                found.append("env: may not have both")
    if spec["restartPolicy"] not in ("Always", "Never", "OnFailure"):
        found.append("restartPolicy")
    return found
