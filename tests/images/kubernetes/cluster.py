"""An API server with the kinds that a gateway consists of: schemas, server-side apply, dry runs, watches that may be
told that their version is too old, and a controller that runs the pods' real gateways. Says its port, then serves.
What stands under `/_test/` is for tests."""

import argparse
import copy
import http.client
import http.server
import json
import ssl
import sys
import time
import urllib.parse

import fields
from controller import Controller
from store import KINDS, Refused, Store

STORE = Store()
CONTROLLER = Controller(STORE)
DENIED, FAILING, LOST, CUTS, LOG = set(), [], [], [0], []
ARGS = None


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do(self):
        length = int(self.headers.get("Content-Length", 0))
        self.content = self.rfile.read(length)
        url = urllib.parse.urlsplit(self.path)
        self.query = dict(urllib.parse.parse_qsl(url.query))
        parts = url.path.strip("/").split("/")
        try:
            if parts[0] == "_test":
                return self.send(200, self.steer(parts[1]))
            LOG.append(f"{self.command} {self.path}")
            self.authenticate()
            if FAILING and FAILING[0][0] in f"{self.command} {self.path}":
                code = FAILING.pop(0)[1]
                raise Refused(code, "InternalError", "as the test wanted")
            self.route(parts)
        except Refused as refused:
            kind, causes = "Status", refused.causes
            self.send(refused.code, {"kind": kind, "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": refused.message, "reason": refused.reason, "details": {"causes": causes}, "code": refused.code})
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do

    def authenticate(self):
        if ARGS.certificate_authority and self.connection.getpeercert():
            return
        if self.headers.get("Authorization") != f"Bearer {ARGS.token}":
            raise Refused(401, "Unauthorized", "Unauthorized")

    def discover(self, path):
        """What kubectl asks first; None: it is something else."""
        groups = sorted({api for api, _ in KINDS if "/" in api})
        if path == "version":
            return {"major": "1", "minor": fields.VERSION.split(".")[1], "gitVersion": fields.VERSION}
        if path == "api":
            return {"kind": "APIVersions", "versions": ["v1"]}
        if path == "apis":
            versions = [{"groupVersion": api, "version": api.split("/")[1]} for api in groups]
            found = [{"name": version["groupVersion"].split("/")[0], "versions": [version], "preferredVersion": version} for version in versions]
            return {"kind": "APIGroupList", "apiVersion": "v1", "groups": found}
        api = "v1" if path == "api/v1" else path.partition("apis/")[2]
        found = [{"name": plural, "singularName": kind.lower(), "namespaced": True, "kind": kind, "verbs": ["create", "delete", "get", "list", "patch", "update", "watch"]} for (of, plural), (kind, _) in KINDS.items() if of == api]
        return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": api, "resources": found} if found else None

    def route(self, parts):
        discovered = self.discover("/".join(parts)) if self.command == "GET" else None
        if discovered:
            return self.send(200, discovered)
        if parts[0] == "api" and len(parts) > 4:
            api, rest = parts[1], parts[3:]
        elif parts[0] == "apis" and len(parts) > 5:
            api, rest = f"{parts[1]}/{parts[2]}", parts[4:]
        else:
            raise Refused(404, "NotFound", "the server could not find the requested resource")
        namespace, plural, name, sub = rest[0], rest[1], (rest[2:] or [None])[0], rest[3:]
        if (api, plural) not in KINDS:
            raise Refused(404, "NotFound", "the server could not find the requested resource")
        verb = {"GET": "get" if name else "list", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}[self.command]
        verb = "watch" if self.query.get("watch") == "true" else verb
        asked = f"{verb} {plural}" + (f"/{sub[0]}" if sub else "")
        if asked in DENIED:
            raise Refused(403, "Forbidden", f'{plural} is forbidden: User "test" cannot {asked}')
        if sub:
            return self.subresource(namespace, plural, name, sub)
        key = (api, plural, namespace, name)
        if verb == "watch":
            return self.watch(key)
        with STORE.lock:
            answer = getattr(self, verb)(key)
        self.send(*answer)

    def get(self, key):
        return 200, copy.deepcopy(STORE.get(key))

    def list(self, key):
        items, version = STORE.list(*key[:3], self.chosen)
        return 200, {"kind": f"{KINDS[key[:2]][0]}List", "apiVersion": key[0], "metadata": {"resourceVersion": str(version)}, "items": items}

    def create(self, key):
        obj = self.body()
        key = (*key[:3], obj["metadata"]["name"])
        if key in STORE.objects:
            raise Refused(409, "AlreadyExists", f'{key[1]} "{key[3]}" already exists')
        made = STORE.write(key, obj, self.manager(), "dryRun" in self.query)
        if key[1] in LOST:
            LOST.remove(key[1])
            raise Refused(504, "Timeout", "it is there all the same")
        return 201, made

    def update(self, key):
        obj, live = self.body(), STORE.get(key)
        if obj["metadata"].get("resourceVersion", live["metadata"]["resourceVersion"]) != live["metadata"]["resourceVersion"]:
            raise Refused(409, "Conflict", "the object has been modified")
        return 200, STORE.write(key, obj, self.manager(), "dryRun" in self.query)

    def patch(self, key):
        dry_run = "dryRun" in self.query
        if self.headers["Content-Type"] == "application/apply-patch+yaml":
            if "fieldManager" not in self.query:
                raise Refused(400, "BadRequest", "fieldManager is required for apply patch")
            force = self.query.get("force") == "true"
            new, obj = STORE.apply(key, self.body(), self.manager(), force, dry_run)
            return 201 if new else 200, obj
        if self.headers["Content-Type"] != "application/merge-patch+json":
            raise Refused(415, "UnsupportedMediaType", "the body of the request was in an unknown format")
        return 200, STORE.write(key, merged(STORE.get(key), self.body()), self.manager(), dry_run)

    def delete(self, key):
        return 200, STORE.delete(key)

    def manager(self):
        return self.query.get("fieldManager") or self.headers.get("User-Agent", "unknown").split("/")[0]

    def body(self):
        try:
            return json.loads(self.content)
        except ValueError as error:
            raise Refused(400, "BadRequest", "it is no JSON") from error

    def chosen(self, obj):
        labels = obj["metadata"].get("labels", {})
        pairs = [pair.split("=") for pair in self.query.get("labelSelector", "").split(",") if pair]
        named = self.query.get("fieldSelector", "").partition("metadata.name=")[2]
        return all(labels.get(name) == value for name, value in pairs) and named in ("", obj["metadata"]["name"])

    def watch(self, key):
        self.start(200)
        cuts, seen = CUTS[0], int(self.query.get("resourceVersion") or 0)
        end = time.monotonic() + float(self.query.get("timeoutSeconds", 300))
        if seen < STORE.oldest:
            gone = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": f"too old resource version: {seen} ({STORE.oldest})", "reason": "Expired", "code": 410}
            self.chunk({"type": "ERROR", "object": gone})
            return self.chunk(None)
        while time.monotonic() < end and cuts == CUTS[0]:
            with STORE.lock:
                found = [event for event in STORE.events if event[0] > seen]
                if not found:
                    STORE.lock.wait(0.1)
            for version, what, at, obj in found:
                seen = version
                if at[:3] == key[:3] and self.chosen(obj):
                    self.chunk({"type": what, "object": obj})
        if cuts == CUTS[0] and self.query.get("allowWatchBookmarks") == "true":
            self.chunk({"type": "BOOKMARK", "object": {"kind": KINDS[key[:2]][0], "apiVersion": key[0], "metadata": {"resourceVersion": str(seen)}}})
        self.chunk(None)

    def subresource(self, namespace, plural, name, sub):
        pod_name, port = (name.split(":") + [None, None])[1:3] if ":" in name else (name, None)
        with STORE.lock:
            pod = STORE.get(("v1", "pods", namespace, pod_name))
            running = CONTROLLER.running.get(pod["metadata"]["uid"])
        if plural == "pods" and sub == ["log"]:
            return self.send(200, (running.log if running else "").encode())
        declared = [str(port["containerPort"]) for port in pod["spec"]["containers"][0].get("ports", [])]
        if plural != "pods" or sub[0] != "proxy" or port not in declared:
            raise Refused(404, "NotFound", "there is no such subresource")
        if not running or not running.port:
            raise Refused(503, "ServiceUnavailable", "error trying to reach service: connection refused")
        # As the server does: the client's Host stays, its credentials do not.
        path = "/" + self.path.split("/proxy/", 1)[1]
        connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=10)
        connection.putrequest(self.command, path, skip_host=True, skip_accept_encoding=True)
        connection.putheader("Host", self.headers["Host"])
        connection.endheaders()
        answer = connection.getresponse()
        self.send(answer.status, answer.read())

    def steer(self, what):
        asked = json.loads(self.content or b"null")
        with STORE.lock:
            if what == "cut":
                CUTS[0] += 1
            if what == "forget":
                STORE.forget()
                CUTS[0] += 1
            if what == "deny":
                DENIED.clear()
                DENIED.update(asked)
            if what == "fail":
                FAILING[:] = [tuple(item) for item in asked]
            if what == "lose":
                LOST[:] = asked
            if what == "seconds":
                CONTROLLER.seconds = asked
            if what == "log":
                return list(LOG)
        return {}

    def start(self, code):
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def chunk(self, event):
        data = json.dumps(event).encode() + b"\n" if event is not None else b""
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def send(self, code, content):
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def merged(live, patch):
    """RFC 7386."""
    if not isinstance(patch, dict):
        return patch
    found = dict(live) if isinstance(live, dict) else {}
    for key, value in patch.items():
        if value is None:
            found.pop(key, None)
        else:
            found[key] = merged(found.get(key), value)
    return found


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True


def main():
    global ARGS
    parser = argparse.ArgumentParser()
    parser.add_argument("--token", default="test-token")
    parser.add_argument("--certificate")
    parser.add_argument("--key")
    parser.add_argument("--certificate-authority")
    ARGS = parser.parse_args()
    server = Server(("127.0.0.1", 0), Handler)
    if ARGS.certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(ARGS.certificate, ARGS.key)
        if ARGS.certificate_authority:
            context.load_verify_locations(ARGS.certificate_authority)
            context.verify_mode = ssl.CERT_OPTIONAL
        server.socket = context.wrap_socket(server.socket, server_side=True)
    print(server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    sys.exit(main())
