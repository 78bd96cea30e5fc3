"""What runs pods, as far as their gateways can tell: pulls the image from its registry, takes variables from
Secrets, holds startup and readiness probes, asks to stop with SIGTERM. Each pod's address is 127.0.0.1, and its
port is one that is free: `LISTEN` says so in place of `:8080`."""

import base64
import ctypes
import gzip
import http.client
import io
import itertools
import json
import os
import socket
import subprocess
import tarfile
import threading
import time
import urllib.request

PROGRAM = "usr/local/bin/goma"
TICK = 0.02


def pull(image, home):
    """The gateway in an image, as a file."""
    name, digest = image.split("@")
    place = os.path.join(home, digest.replace(":", "-"))
    if os.path.exists(place):
        return place
    host, repository = name.split("/", 1)
    base = f"http://{host}/v2/{repository}"

    def fetch(path):
        request = urllib.request.Request(f"{base}/{path}", headers={"Accept": "application/vnd.oci.image.manifest.v1+json"})
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.read()

    for layer in json.loads(fetch(f"manifests/{digest}"))["layers"]:
        archive = tarfile.open(fileobj=io.BytesIO(gzip.decompress(fetch(f"blobs/{layer['digest']}"))))
        for entry in archive:
            if entry.name == PROGRAM:
                new = f"{place}.{threading.get_ident()}"
                text = archive.extractfile(entry).read()
                with FORKS, open(new, "wb") as file:
                    file.write(text)
                os.chmod(new, 0o755)
                os.rename(new, place)
                return place
    raise ValueError("it has no gateway")


# A child has all open files until it becomes a program: none may be one that is still written.
FORKS = threading.Lock()


class Ports:
    """Ports that nobody else takes: those behind one at which this process listens, above those of `free_port` of the
    tests and below those that the system chooses."""

    FIRST, COUNT, PROCESSES = 30_000, 27, 100

    def __init__(self):
        for nth in range(self.PROCESSES):
            first = self.FIRST + (os.getpid() + nth) % self.PROCESSES * self.COUNT
            self.own = self.listen(first)
            if self.own:
                break
        else:
            raise OSError("there are no ports")
        self.rest = itertools.cycle(range(first + 1, first + self.COUNT))
        self.lock = threading.Lock()

    @staticmethod
    def listen(port):
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
            listener.listen()
            return listener
        except OSError:
            listener.close()
            return None

    def next(self):
        with self.lock:
            for port in self.rest:
                if free := self.listen(port):
                    free.close()
                    return port


PORTS = Ports()


def end_with_parent():
    """A test that ends kills the server: its gateways go with it (PR_SET_PDEATHSIG, SIGKILL)."""
    ctypes.CDLL(None).prctl(1, 9)


class Running:
    """One pod. `state` is as a container's status shows it, `ready` whether probes succeed."""

    def __init__(self, pod, secrets, home):
        self.spec = pod["spec"]
        self.container = self.spec["containers"][0]
        self.state, self.ready = {"waiting": {"reason": "ContainerCreating"}}, False
        self.port, self.process, self.log, self.stopping = None, None, "", threading.Event()
        self.changed = lambda: None
        self.secrets, self.home = secrets, home
        self.thread = threading.Thread(target=self.run, daemon=True)

    def become(self, state, ready=False):
        if (self.state, self.ready) != (state, ready):
            self.state, self.ready = state, ready
            self.changed()

    def environment(self):
        env = {}
        for variable in self.container.get("env", []):
            if "value" in variable:
                env[variable["name"]] = variable["value"]
                continue
            ref = variable["valueFrom"]["secretKeyRef"]
            data = self.secrets(ref["name"])
            if data is None or ref["key"] not in data:
                if not ref.get("optional"):
                    raise KeyError(f'couldn\'t find key {ref["key"]} in Secret {ref["name"]}')
                continue
            env[variable["name"]] = base64.b64decode(data[ref["key"]]).decode()
        return env

    def run(self):
        try:
            program = pull(self.container["image"], self.home)
        except Exception as error:  # noqa: BLE001
            self.become({"waiting": {"reason": "ImagePullBackOff", "message": f"cannot pull: {error}"}})
            return
        try:
            env = self.environment()
        except KeyError as error:
            self.become({"waiting": {"reason": "CreateContainerConfigError", "message": error.args[0]}})
            return
        self.port = PORTS.next()
        env.update({"LISTEN": f"127.0.0.1:{self.port}", "GOMA_OVERLAY_FILE": os.path.join(self.home, "no-overlay.yaml")})
        with FORKS:
            self.process = subprocess.Popen([program], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, preexec_fn=end_with_parent)
        self.become({"running": {"startedAt": "2026-01-01T00:00:00Z"}})
        while not self.stopping.is_set():
            if self.process.poll() is not None:
                self.log = self.process.stderr.read().decode(errors="replace")
                ended = {"exitCode": self.process.returncode, "reason": "Error"}
                if self.spec["restartPolicy"] == "Never":
                    self.become({"terminated": ended})
                else:
                    self.become({"waiting": {"reason": "CrashLoopBackOff", "message": f"back-off restarting failed container, it ended with {ended['exitCode']}"}})
                return
            self.become(self.state, self.probe())
            time.sleep(TICK)

    def probe(self):
        http_get = self.container["readinessProbe"]["httpGet"]
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
            connection.request("GET", http_get["path"])
            return connection.getresponse().status < 400
        except OSError:
            return False

    def stop(self):
        """`preStop`, SIGTERM, and the grace; the tests' time is shorter."""
        self.stopping.set()
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(self.spec.get("terminationGracePeriodSeconds", 30))
            except subprocess.TimeoutExpired:
                self.process.kill()
