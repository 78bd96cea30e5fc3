"""The proxies that are measured: how each is told to do the same work, and started.

Equal work: a reverse proxy with one worker, keep-alive on both sides, hop-by-hop fields dropped, no log,
no metrics; and the fields that backend and client get from the gateway, they get from the others too
(`same_fields` looks): X-Forwarded-For/-Proto/-Host, X-Real-IP, a request id in both directions, Proxied-By.
With `usual` the others set X-Forwarded-For/-Proto/-Host only, which is less than the gateway does.
"""

import os
import re
import socket
import subprocess
import time
from pathlib import Path

PROXY_CORE = 0
LOAD_CORE = 1
START_SECONDS_MAX = 120

NGINX = """
daemon off; master_process off; worker_processes 1; pid {work}/nginx.pid; error_log /dev/null;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 1000000000; client_body_temp_path {work}/body; proxy_temp_path {work}/proxy;
  fastcgi_temp_path {work}/fastcgi; uwsgi_temp_path {work}/uwsgi; scgi_temp_path {work}/scgi;
  server_names_hash_max_size 8192; server_names_hash_bucket_size 128;
  map $http_x_request_id $id {{ "" $request_id; default $http_x_request_id; }}
  upstream backend {{ server {backend}; keepalive 256; keepalive_requests 1000000000; }}
  server {{
    listen {listen}{http2};
    location / {{
      {location}
    }}
  }}
{servers}}}
"""

NGINX_LOCATION = """proxy_pass http://backend; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Forwarded-Host $host;"""

# A location that passes WebSockets on, as nginx's documentation has it; it keeps no connections to the backend.
NGINX_SOCKETS = NGINX_LOCATION.replace(
    'proxy_set_header Connection "";', 'proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";')

NGINX_FIELDS = """
      proxy_set_header X-Real-IP $remote_addr;
      proxy_set_header X-Request-ID $id;
      add_header X-Goma-Request-ID $id always;
      add_header Proxied-By "Goma Gateway" always;"""

HAPROXY = """
global
  nbthread 1
  maxconn 4096
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  http-reuse always
frontend web
  bind {listen}{http2}
  option forwardfor
  http-request set-header X-Forwarded-Proto http
  http-request set-header X-Forwarded-Host %[req.hdr(host)]
{fields}{rules}  default_backend backend
backend backend
  server backend {backend}
"""

HAPROXY_FIELDS = """  http-request set-header X-Real-IP %[src]
  http-request set-header X-Request-ID %[uuid] unless { req.hdr(x-request-id) -m found }
  http-request set-var(txn.id) req.hdr(x-request-id)
  http-response set-header X-Goma-Request-ID %[var(txn.id)]
  http-response set-header Proxied-By "Goma Gateway"
  http-response del-header Server
"""


def free_address():
    """An address on loopback that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return "127.0.0.1:%d" % probe.getsockname()[1]


def wait_for(address, process):
    """Until `address` takes connections; an error if `process` ends first."""
    host, port = address.split(":")
    deadline = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise SystemExit(f"{process.args} ended with {process.returncode}")
        try:
            socket.create_connection((host, int(port)), timeout=1).close()
            return
        except OSError:
            time.sleep(0.005)
    raise SystemExit(f"{process.args} does not listen on {address}")


def pinned(core, command, **rest):
    """A process on one core."""
    return subprocess.Popen(["taskset", "-c", str(core), *map(str, command)], **rest)


def nginx_servers(listen, routes, location):
    """A server for each host, with a location for each of its paths."""
    hosts, paths = routes
    locations = "".join(f"    location /r{n} {{ {location} }}\n" for n in range(paths))
    return "".join(
        f"  server {{\n    listen {listen}; server_name h{n}.test;\n{locations}  }}\n" for n in range(hosts)
    )


def haproxy_rules(work, routes):
    """One rule that looks host and path up in a map; what is not in it is refused."""
    hosts, paths = routes
    entries = Path(work) / "haproxy.map"
    entries.write_text("".join(
        f"h{host}.test/r{path}/ backend\n" for host in range(hosts) for path in range(paths)
    ))
    return f"  http-request deny unless {{ base,map_beg({entries}) -m found }}\n"


def goma_routes(routes, target):
    """The same table as a specification."""
    hosts, paths = routes
    rows = "".join(
        f"    - {{name: h{host}-r{path}, path: /r{path}, hosts: [h{host}.test], target: '{target}'}}\n"
        for host in range(hosts) for path in range(paths)
    )
    return (
        "version: 2\ngateway:\n  entryPoints: {web: {address: '${LISTEN}'}}\n"
        "  log: {level: '${LOG_LEVEL:-off}', format: json}\n  routes:\n" + rows
    )


def command(name, work, listen, backend, gateway, routes=None, http2=False, usual=False, sockets=False):
    """Command line and environment of a proxy; `routes`: so many hosts, and paths of each; `http2`:
    clients speak that, in clear text; `usual`: of the fields only X-Forwarded-For/-Proto/-Host; `sockets`:
    what is asked for is a WebSocket."""
    config = Path(work) / f"{name}.conf"
    environment = dict(os.environ)
    if name == "goma":
        environment |= {
            "LISTEN": listen, "BACKEND": f"http://{backend}", "LOG_LEVEL": "off",
        }
        return [gateway], environment
    if name == "nginx":
        location = (NGINX_SOCKETS if sockets else NGINX_LOCATION) + ("" if usual else NGINX_FIELDS)
        servers = nginx_servers(listen, routes, location) if routes else ""
        config.write_text(NGINX.format(
            work=work, listen=listen, backend=backend, location=location, servers=servers,
            http2=" http2" if http2 else ""))
        return ["nginx", "-p", work, "-c", config], environment
    rules = haproxy_rules(work, routes) if routes else ""
    config.write_text(HAPROXY.format(
        listen=listen, backend=backend, rules=rules, fields="" if usual else HAPROXY_FIELDS,
        http2=" proto h2" if http2 else ""))
    return ["haproxy", "-q", "-f", config], environment


def start(name, work, backend, gateway, wrap=(), **rest):
    """Starts a proxy on its core; process and address. `wrap` goes before its command."""
    listen = free_address()
    line, environment = command(name, work, listen, backend, gateway, **rest)
    process = pinned(
        PROXY_CORE, [*wrap, *line], env=environment,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )
    wait_for(listen, process)
    return process, listen


def resident_kib(process):
    """What a process has resident now."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(re.search(r"^VmRSS:\s+(\d+)", status, re.M)[1])


def stop(process):
    """Ends a process and waits for it."""
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def fields(name, work, gateway):
    """The names of the fields that a backend gets through a proxy, and of those that a client gets back."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(START_SECONDS_MAX)
        process, listen = start(name, work, "127.0.0.1:%d" % server.getsockname()[1], gateway)
        try:
            host, port = listen.split(":")
            with socket.create_connection((host, int(port)), timeout=START_SECONDS_MAX) as client:
                client.sendall(b"GET /1k HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
                backend, _ = server.accept()
                with backend:
                    sent = names(backend)
                    backend.sendall(b"HTTP/1.1 200 OK\r\nServer: b\r\nContent-Length: 0\r\n\r\n")
                    return sent, names(client)
        finally:
            stop(process)


def names(connection):
    """The names of the fields of a head."""
    head = b""
    while b"\r\n\r\n" not in head:
        piece = connection.recv(4096)
        if not piece:
            raise SystemExit(f"half a head: {head}")
        head += piece
    lines = head.split(b"\r\n\r\n")[0].decode().split("\r\n")[1:]
    return {line.split(":")[0].lower() for line in lines}


def same_fields(work, gateway):
    """An end of the program unless what the gateway adds, the others add too."""
    ours = fields("goma", work, gateway)
    for name in ("nginx", "haproxy"):
        for own, theirs in zip(ours, fields(name, work, gateway)):
            if lacking := own - theirs - {"date"}:
                raise SystemExit(f"{name} does less: it does not set {lacking}")


def versions():
    """One line each, as the programs print it."""
    nginx = subprocess.run(["nginx", "-v"], capture_output=True, text=True, check=True).stderr
    haproxy = subprocess.run(["haproxy", "-v"], capture_output=True, text=True, check=True).stdout
    return {
        "nginx": nginx.split("/")[-1].strip(),
        "haproxy": haproxy.split("version ")[1].split(" ")[0].split("-")[0],
    }
