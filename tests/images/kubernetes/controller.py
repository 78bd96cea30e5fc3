"""The deployment controller, and the part of a node that starts pods: replica sets by the hash of their template,
one more pod than wanted at most, none fewer, a roll-out that does not get on."""

import copy
import hashlib
import json
import tempfile
import threading
import time

from kubelet import Running
from store import now


MANAGER = "kube-controller-manager"
HASH = "pod-template-hash"
REVISION = "deployment.kubernetes.io/revision"


class Controller:
    def __init__(self, store):
        self.store, self.running, self.progress = store, {}, {}
        # Of `progressDeadlineSeconds`: tests have less time.
        self.seconds = 1.0
        self.home = tempfile.mkdtemp(prefix="goma-pods-")
        self.dirty = False
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            with self.store.lock:
                version = self.store.version
                self.pods()
                for key, obj in list(self.store.objects.items()):
                    if key[1] == "deployments" and key in self.store.objects:
                        self.deployment(key, obj)
                if self.store.version == version and not self.dirty:
                    self.store.lock.wait(0.05)
                self.dirty = False

    def changed(self):
        with self.store.lock:
            self.dirty = True
            self.store.lock.notify_all()

    def secrets(self, namespace):
        def find(name):
            with self.store.lock:
                found = self.store.objects.get(("v1", "secrets", namespace, name))
                return found and found.get("data", {})

        return find

    def pods(self):
        """Starts those that are new, stops those that are gone, says how the others are."""
        pods = {key: obj for key, obj in self.store.objects.items() if key[1] == "pods"}
        for uid in [uid for uid in self.running if uid not in {pod["metadata"]["uid"] for pod in pods.values()}]:
            threading.Thread(target=self.running.pop(uid).stop, daemon=True).start()
        for key, pod in pods.items():
            uid = pod["metadata"]["uid"]
            if uid not in self.running:
                self.running[uid] = Running(copy.deepcopy(pod), self.secrets(key[2]), self.home)
                self.running[uid].changed = self.changed
                self.running[uid].thread.start()
            run = self.running[uid]
            phase = "Running" if "running" in run.state or run.state.get("waiting", {}).get("reason") == "CrashLoopBackOff" else "Failed" if "terminated" in run.state else "Pending"
            ready = "True" if run.ready else "False"
            status = {
                "phase": phase,
                "conditions": [{"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": ready}],
                "containerStatuses": [{"name": run.container["name"], "ready": run.ready, "restartCount": 0, "image": run.container["image"], "imageID": "", "state": run.state}],
            }
            self.status(key, pod, status)

    def status(self, key, obj, status):
        if obj.get("status") != status:
            obj = {**copy.deepcopy(obj), "status": status}
            self.store.write(key, obj, MANAGER, subresource=True)

    def deployment(self, key, obj):
        _, _, namespace, name = key
        spec, wanted = obj["spec"], obj["spec"]["replicas"]
        hashed = hashlib.sha256(json.dumps(spec["template"], sort_keys=True).encode()).hexdigest()[:10]
        fresh = self.replica_set(namespace, obj, hashed)
        mine = {at: pod for at, pod in self.store.objects.items() if at[1] == "pods" and at[2] == namespace and all(pod["metadata"].get("labels", {}).get(label) == value for label, value in spec["selector"]["matchLabels"].items())}
        new = {at: pod for at, pod in mine.items() if pod["metadata"]["labels"].get(HASH) == hashed}
        old = {at: pod for at, pod in mine.items() if at not in new}
        ready = {at for at, pod in mine.items() if self.running.get(pod["metadata"]["uid"]) and self.running[pod["metadata"]["uid"]].ready}
        if len(new) < wanted and len(mine) < wanted + 1:
            self.pod(namespace, obj, hashed)
        elif len(new) > wanted:
            self.store.delete(sorted(new)[-1])
        elif old and (unready := [at for at in old if at not in ready]):
            self.store.delete(unready[0])
        elif old and len(ready) > wanted:
            self.store.delete(sorted(old)[0])
        self.tell(key, new, mine, ready, fresh)

    def tell(self, key, new, mine, ready, fresh):
        """What does not get on is said until something does; a template that was there before changes nothing of it."""
        obj = self.store.objects.get(key)
        generation, time_now = obj["metadata"]["generation"], time.monotonic()
        counts = (len(new), len(mine), len(ready & set(new)))
        at, last, since, stuck = self.progress.get(key, (None, None, time_now, False))
        if at == generation and last != counts or at != generation and (fresh or not stuck):
            since = time_now
        done = len(new) == len(mine) == len(ready) == obj["spec"]["replicas"]
        late = time_now - since > obj["spec"].get("progressDeadlineSeconds", 600) * self.seconds
        self.progress[key] = (generation, counts, since, late and not done)
        reason = "NewReplicaSetAvailable" if done else "ProgressDeadlineExceeded" if late else "ReplicaSetUpdated"
        condition = {"type": "Progressing", "status": "False" if late and not done else "True", "reason": reason}
        said = (obj.get("status", {}).get("conditions") or [{}])[0]
        same = all(said.get(field) == value for field, value in condition.items())
        condition["lastUpdateTime"] = said["lastUpdateTime"] if same else now()
        condition["message"] = f'ReplicaSet "{key[3]}" has {reason}'
        status = {
            "observedGeneration": generation,
            "replicas": len(mine),
            "updatedReplicas": len(new),
            "readyReplicas": len(ready),
            "availableReplicas": len(ready),
            "conditions": [condition],
        }
        self.status(key, obj, status)

    def replica_set(self, namespace, obj, hashed):
        key = ("apps/v1", "replicasets", namespace, f'{obj["metadata"]["name"]}-{hashed}')
        if key in self.store.objects:
            return False
        labels = {**obj["spec"]["template"]["metadata"]["labels"], HASH: hashed}
        template = copy.deepcopy(obj["spec"]["template"])
        template["metadata"]["labels"] = labels
        self.store.write(key, {"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"labels": labels, "ownerReferences": [owner(obj)]}, "spec": {"selector": {"matchLabels": labels}, "template": template}}, MANAGER)
        return True

    def pod(self, namespace, obj, hashed):
        template = copy.deepcopy(obj["spec"]["template"])
        meta = template["metadata"]
        meta["labels"] = {**meta["labels"], HASH: hashed}
        meta["ownerReferences"] = [owner(obj)]
        name = f'{obj["metadata"]["name"]}-{hashed}-{self.store.version}'
        self.store.write(("v1", "pods", namespace, name), {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": template["spec"]}, MANAGER)


def owner(obj):
    return {"apiVersion": obj["apiVersion"], "kind": obj["kind"], "name": obj["metadata"]["name"], "uid": obj["metadata"]["uid"]}


