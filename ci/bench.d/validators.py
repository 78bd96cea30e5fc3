"""One defect each, and files of 10 to 10,000 routes, for `goma check` and its peers. Called by
ci/validators; writes docs/validators.md."""

import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
GOMA = Path(os.environ["CARGO_TARGET_DIR"]) / "release/goma"
PAGE = ROOT / "docs/validators.md"

QUICK = "--quick" in sys.argv[1:]
# So many rounds over all tools, with so many runs of each that are counted.
ROUNDS, RUNS = (1, 1) if QUICK else (3, 3)
SIZES = (10, 1_000, 10_000)
HOSTS = 50
CHAINS = 20

BAR_SECONDS = 0.250
BAR_MIB = 150

TOOLS = {
    "goma check": ("goma.yml", lambda file: [GOMA, "check", file]),
    "nginx -t": ("nginx.conf", lambda file: ["nginx", "-t", "-q", "-e", "stderr", "-c", file]),
    "haproxy -c": ("haproxy.cfg", lambda file: ["haproxy", "-c", "-f", file]),
    "caddy validate": ("Caddyfile", lambda file: ["caddy", "validate", "--adapter", "caddyfile", "--config", file]),
    "envoy --mode validate": ("envoy.yaml", lambda file: ["envoy", "--mode", "validate", "-l", "error", "-c", file]),
}

VERSIONS = {
    "goma check": [GOMA, "--version"],
    "nginx -t": ["nginx", "-v"],
    "haproxy -c": ["haproxy", "-v"],
    "caddy validate": ["caddy", "version"],
    "envoy --mode validate": ["envoy", "--version"],
}


def goma(routes, rest=""):
    return f"version: 2\ngateway:\n  routes:\n{routes}{rest}"


ROUTE = "    - name: a\n      path: /\n      target: http://127.0.0.1:9090\n"


def nginx(body, more=""):
    return f"pid nginx.pid;\nevents {{}}\nhttp {{\n  access_log off;\n{more}  server {{\n    listen 127.0.0.1:8080;\n{body}\n  }}\n}}\n"


def haproxy(body):
    return f"defaults\n  mode http\n  timeout client 1s\n  timeout connect 1s\n  timeout server 1s\nfrontend f\n  bind 127.0.0.1:8080\n{body}"


BACKEND = "backend b\n  server s 127.0.0.1:9090\n"


def caddy(body):
    return f"{{\n  admin off\n}}\nhttp://localhost:8080 {{\n{body}\n}}\n"


def envoy(routes, more=""):
    return f"""static_resources:
  listeners:
  - address: {{socket_address: {{address: 127.0.0.1, port_value: 8080}}}}
    filter_chains:
    - filters:
      - name: http
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: http
          http_filters:
          - name: router
            typed_config: {{"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes:
{routes}  clusters:
  - name: b
    connect_timeout: 1s
    load_assignment:
      cluster_name: b
      endpoints: [{{lb_endpoints: [{{endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: 9090}}}}}}}}]}}]
{more}"""


MIDDLEWARE = "      middlewares: [m]\nmiddlewares:\n  - name: m\n"

# Defect: per tool the configuration and the line of the defect; None where the tool has no such thing.
DEFECTS = {
    "nothing wrong": {
        "goma check": (goma(ROUTE), None),
        "nginx -t": (nginx("    location / { proxy_pass http://127.0.0.1:9090; }"), None),
        "haproxy -c": (haproxy("  default_backend b\n" + BACKEND), None),
        "caddy validate": (caddy("  reverse_proxy 127.0.0.1:9090"), None),
        "envoy --mode validate": (envoy("              - {match: {prefix: /}, route: {cluster: b}}\n"), None),
    },
    "unknown key": {
        "goma check": (goma(ROUTE + "      metods: [GET]\n"), 7),
        "nginx -t": (nginx("    location / { proxy_pas http://127.0.0.1:9090; }"), 7),
        "haproxy -c": (haproxy("  default_bakend b\n" + BACKEND), 8),
        "caddy validate": (caddy("  reverse_prox 127.0.0.1:9090"), 5),
        "envoy --mode validate": (envoy("              - {match: {prefx: /}, route: {cluster: b}}\n"), 16),
    },
    "the same key twice": {
        "goma check": (goma(ROUTE + "      path: /b\n"), 7),
        "nginx -t": (nginx("    root /a; root /b;"), 7),
        "haproxy -c": (haproxy("  default_backend b\n  default_backend c\n" + BACKEND + "backend c\n"), 9),
        "caddy validate": (caddy("  root * /a\n  root * /b\n  reverse_proxy 127.0.0.1:9090"), 6),
        "envoy --mode validate": (envoy("              - {match: {prefix: /, prefix: /b}, route: {cluster: b}}\n"), 16),
    },
    "a name that nothing defines": {
        "goma check": (goma(ROUTE + "      middlewares: [auth]\n"), 7),
        "nginx -t": (nginx("    location / { limit_req zone=none; proxy_pass http://127.0.0.1:9090; }"), 7),
        "haproxy -c": (haproxy("  default_backend none\n" + BACKEND), 8),
        "caddy validate": (caddy("  import none\n  reverse_proxy 127.0.0.1:9090"), 5),
        "envoy --mode validate": (envoy("              - {match: {prefix: /}, route: {cluster: none}}\n"), 16),
    },
    "two equal routes": {
        "goma check": (goma(ROUTE + ROUTE.replace("name: a", "name: b")), 8),
        "nginx -t": (nginx("    location /a { return 200; }\n    location /a { return 201; }"), 8),
        "haproxy -c": (haproxy("  use_backend b if { path_beg /a }\n  use_backend c if { path_beg /a }\n" + BACKEND + "backend c\n"), 9),
        "caddy validate": (caddy("  handle /a* {\n    respond 200\n  }\n  handle /a* {\n    respond 201\n  }"), 8),
        "envoy --mode validate": (envoy("              - {match: {prefix: /a}, route: {cluster: b}}\n              - {match: {prefix: /a}, direct_response: {status: 201}}\n"), 17),
    },
    "a regular expression that cannot be compiled": {
        "goma check": (goma(ROUTE, MIDDLEWARE + '    type: rewriteRegex\n    rule: {pattern: "^/a(", replacement: /b}\n'), 11),
        "nginx -t": (nginx("    location ~ ^/a( { return 200; }"), 7),
        "haproxy -c": (haproxy("  use_backend b if { path_reg ^/a( }\n" + BACKEND), 8),
        "caddy validate": (caddy("  @a path_regexp ^/a(\n  respond @a 200"), 5),
        "envoy --mode validate": (envoy('              - {match: {safe_regex: {regex: "^/a("}}, route: {cluster: b}}\n'), 16),
    },
    "a variable that is not set": {
        "goma check": (goma(ROUTE.replace("path: /", "path: ${NOT_SET}")), 5),
        "nginx -t": (nginx("    location / { proxy_pass http://$not_set; }"), 7),
        "haproxy -c": (haproxy('  default_backend b\nbackend b\n  server s "$NOT_SET"\n'), 10),
        "caddy validate": (caddy("  reverse_proxy {$NOT_SET}"), 5),
        "envoy --mode validate": None,
    },
    "a password hash of an unknown kind": {
        "goma check": (goma(ROUTE, MIDDLEWARE + '    type: basicAuth\n    rule: {users: [{username: ada, password: "$9$x$y"}]}\n'), 11),
        "nginx -t": None,
        "haproxy -c": (haproxy("  http-request auth unless { http_auth(u) }\n  default_backend b\n" + BACKEND + "userlist u\n  user ada password $9$x$y\n"), 13),
        "caddy validate": (caddy("  basic_auth {\n    ada $9$x$y\n  }\n  reverse_proxy 127.0.0.1:9090"), 6),
        "envoy --mode validate": None,
    },
    "a time without a unit that means one": {
        "goma check": (goma(ROUTE, "  timeouts: {read: 30q}\n"), 7),
        "nginx -t": (nginx("    send_timeout 30q;"), 7),
        "haproxy -c": (haproxy("  timeout client 30q\n  default_backend b\n" + BACKEND), 8),
        "caddy validate": (caddy("  reverse_proxy 127.0.0.1:9090 {\n    lb_try_duration 30q\n  }"), 6),
        "envoy --mode validate": (envoy("              - {match: {prefix: /}, route: {cluster: b, timeout: 30q}}\n"), 16),
    },
}


def large(tool, count):
    """A file of this many routes on 50 hosts; for goma over 20 chains of two middlewares."""
    if tool == "goma check":
        text = "version: 2\ngateway:\n  routes:\n"
        for i in range(count):
            text += (
                f"    - name: r{i}\n      path: /api/v{i // HOSTS}/items\n      hosts: [h{i % HOSTS}.example.com]\n"
                f"      methods: [GET, POST]\n      target: http://10.0.{i // 250 % 250}.{i % 250 + 1}:8080\n"
                f"      middlewares: [limit{i % CHAINS}, headers{i % CHAINS}]\n"
            )
        text += "middlewares:\n"
        for c in range(min(CHAINS, count)):
            text += (
                f"  - name: limit{c}\n    type: bodyLimit\n    rule: {{limit: {c + 1}Mi}}\n"
                f"  - name: headers{c}\n    type: requestHeaders\n    rule: {{setHeaders: {{X-Chain: \"{c}\"}}}}\n"
            )
        return text
    by_host = [[i for i in range(count) if i % HOSTS == host] for host in range(min(HOSTS, count))]
    backend = lambda i: f"10.0.{i // 250 % 250}.{i % 250 + 1}:8080"
    path = lambda i: f"/api/v{i // HOSTS}/items"
    if tool == "nginx -t":
        servers = ""
        for host, routes in enumerate(by_host):
            servers += f"  server {{\n    listen 127.0.0.1:8080;\n    server_name h{host}.example.com;\n"
            for i in routes:
                servers += f"    location {path(i)} {{ client_max_body_size 1m; proxy_set_header X-Chain {i % CHAINS}; proxy_pass http://{backend(i)}; }}\n"
            servers += "  }\n"
        return f"pid nginx.pid;\nevents {{}}\nhttp {{\n  access_log off;\n{servers}}}\n"
    if tool == "haproxy -c":
        rules = "".join(
            f"  use_backend b{i} if {{ req.hdr(host) h{i % HOSTS}.example.com }} {{ path_beg {path(i)} }}\n" for i in range(count)
        )
        backends = "".join(f"backend b{i}\n  http-request set-header X-Chain {i % CHAINS}\n  server s {backend(i)}\n" for i in range(count))
        return haproxy(rules + backends)
    if tool == "caddy validate":
        sites = "{\n  admin off\n}\n"
        for host, routes in enumerate(by_host):
            sites += f"http://h{host}.example.com:8080 {{\n"
            for i in routes:
                sites += f"  handle {path(i)}* {{\n    request_body {{\n      max_size 1MB\n    }}\n    reverse_proxy {backend(i)} {{\n      header_up X-Chain {i % CHAINS}\n    }}\n  }}\n"
            sites += "}\n"
        return sites
    hosts = ""
    for host, routes in enumerate(by_host):
        hosts += f"            - name: h{host}\n              domains: [h{host}.example.com]\n              routes:\n"
        for i in routes:
            hosts += (
                f"              - {{match: {{prefix: {path(i)}}}, route: {{cluster: b{i % HOSTS}}}, "
                f"request_headers_to_add: [{{header: {{key: X-Chain, value: \"{i % CHAINS}\"}}}}]}}\n"
            )
    clusters = "".join(
        f"  - name: b{i}\n    connect_timeout: 1s\n    load_assignment: {{cluster_name: b{i}, endpoints: [{{lb_endpoints: [{{endpoint: {{address: {{socket_address: {{address: 10.0.0.{i + 1}, port_value: 8080}}}}}}}}]}}]}}\n"
        for i in range(HOSTS)
    )
    whole = envoy("")
    head, tail = whole.split("            - name: all\n")
    return head + hosts + "  clusters:\n" + clusters


def run(tool, text, work):
    name, command = TOOLS[tool]
    file = work / name
    file.write_text(text)
    begun = time.monotonic()
    process = subprocess.Popen(
        [str(part) for part in command(file)], cwd=work,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env={"PATH": os.environ["PATH"], "HOME": str(work)},
    )
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, output, time.monotonic() - begun, usage.ru_maxrss / 1024


def verdict(tool, case, work):
    if case is None:
        return "–"
    text, line = case
    code, output, _, _ = run(tool, text, work)
    if code == 0:
        return "pass, warns" if re.search(r"warning\[|\[warn|\[WARN|\bWARN\b", output) else "pass"
    name = TOOLS[tool][0]
    places = re.findall(rf"{re.escape(name)}:(\d+)(:\d+)?", output)
    lines = re.findall(r"line (\d+)", output) + [place[0] for place in places]
    if line is not None and str(line) in lines:
        column = any(place == str(line) and col for place, col in places)
        return "error, line and column" if column else "error, line"
    return "error"


def version(tool):
    output = subprocess.run([str(part) for part in VERSIONS[tool]], capture_output=True, text=True)
    found = re.search(r"\d+\.\d+\.\d+", output.stdout + output.stderr)
    return found[0] if found else "?"


def main():
    with tempfile.TemporaryDirectory(prefix="goma-validators-") as directory:
        work = Path(directory)
        rows = {defect: [verdict(tool, cases[tool], work) for tool in TOOLS] for defect, cases in DEFECTS.items()}
        wrong = [tool for tool, result in zip(TOOLS, rows["nothing wrong"]) if result != "pass"]
        assert not wrong, f"{wrong} do not accept the sound configuration"
        times = {tool: {} for tool in TOOLS}
        for count in SIZES:
            texts = {tool: large(tool, count) for tool in TOOLS}
            taken = {tool: [] for tool in TOOLS}
            for _ in range(ROUNDS):
                for tool, text in texts.items():
                    # The first run of a tool is not counted: a virtual machine gives memory back to its host
                    # meanwhile, and whoever comes next pays for getting it again.
                    for counted in (False, *[True] * RUNS):
                        code, output, seconds, memory = run(tool, text, work)
                        assert code == 0, f"{tool} refuses {count} routes: {output[:2000]}"
                        if counted:
                            taken[tool].append((seconds, memory))
            for tool, figures in taken.items():
                times[tool][count] = (
                    statistics.median(seconds for seconds, _ in figures), max(memory for _, memory in figures)
                )
        page = render(rows, times)
        if QUICK:
            print(page)
        else:
            PAGE.write_text(page)
            print(f"wrote {PAGE.relative_to(ROOT)}")
        seconds, memory = times["goma check"][SIZES[-1]]
        assert QUICK or (seconds <= BAR_SECONDS and memory <= BAR_MIB), "goma check misses its bars"


def render(rows, times):
    heads = [f"`{tool}` {version(tool)}" for tool in TOOLS]
    lines = [
        "# What offline checks find", "",
        "<!-- generated: ci/validators -->", "",
        "One configuration, one defect, each checked by the real tool without running a gateway. A tool that",
        "passes a defect leaves it to be found in production. `–`: the tool has no such thing, or reads it only",
        "when it runs.", "",
        "| defect | " + " | ".join(heads) + " |",
        "|---" * (len(heads) + 1) + "|",
    ]
    lines += [f"| {defect} | " + " | ".join(results) + " |" for defect, results in rows.items()]
    lines += [
        "", "The configurations are in `ci/bench.d/validators.py`; `ci/validators` runs them again.", "",
        "## Time and memory", "",
        f"The same routes on {HOSTS} hosts, for each tool in its own language; every run a new process. {ROUNDS} rounds over the",
        f"tools, in each of them one run of a tool that is not counted and {RUNS} that are: the median, and the most memory of",
        "any (under 16 MiB it is that of the process that measures). goma checks more: references, conflicts, types, and",
        "every finding at once.", "",
        "| routes | " + " | ".join(f"`{tool}`" for tool in TOOLS) + " |",
        "|---" * (len(TOOLS) + 1) + "|",
    ]
    def cell(seconds, memory):
        amount = "under 16 MiB" if memory < 16 else f"{memory:,.0f} MiB"
        return f"{seconds * 1000:,.0f} ms, {amount}"

    for count in SIZES:
        cells = [cell(*times[tool][count]) for tool in TOOLS]
        lines.append(f"| {count:,} | " + " | ".join(cells) + " |")
    seconds, memory = times["goma check"][SIZES[-1]]
    lines += [
        "", f"Bars: {BAR_SECONDS * 1000:.0f} ms and {BAR_MIB} MiB at {SIZES[-1]:,} routes; measured {seconds * 1000:.0f} ms and {memory:.0f} MiB.", "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
