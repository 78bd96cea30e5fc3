"""Runs the scenarios in rounds, in each all proxies in turns, and writes docs/benchmarks.md. Called by ci/bench."""

import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import idle
import peers

ROOT = Path(__file__).resolve().parents[2]
TARGET = Path(os.environ["CARGO_TARGET_DIR"])
PAGE = ROOT / "docs/benchmarks.md"

QUICK = "--quick" in sys.argv[1:]
# A quick run only shows that everything works: it takes what is built fastest.
BIN = TARGET / ("debug" if QUICK else "release")
PROFILE = "--fast" if QUICK else "--release"
# New processes each, because where their memory lies matters too.
ROUNDS = 1 if QUICK else 8
WINDOW_SECONDS = 1 if QUICK else 2
WARMUP_SECONDS = 0.3 if QUICK else 1
# Turns of h2load at one proxy in a round, an even number, and how long each is.
HTTP2_TURNS, HTTP2_TURN_MS = (2, 300) if QUICK else (12, 400)
CONNECTIONS = 64
NAMES = ["goma", "nginx", "haproxy"]
SCENARIOS = {
    "a": ("/1k", 1_024), "a0": ("/1k", 1_024), "b": ("/100k", 102_400), "d": ("/1k", 1_024), "d0": ("/1k", 1_024),
    "d8": ("/1k", 1_024), "f": ("/1k", 1_024), "g": ("/1k", 1_024), "w": ("/echo", 1_024), "w16": ("/echo", 16_384),
}
TITLES = {
    "a": "HTTP/1.1 to HTTP/1.1, 1 KiB",
    "a0": "As a, but nginx and HAProxy do less: of the fields only `X-Forwarded-*`",
    "b": "HTTP/1.1 to HTTP/1.1, 100 KiB",
    "d": "HTTP/2 in clear text to HTTP/1.1, 1 KiB, 64 connections of one stream",
    "d0": "As d, but nginx and HAProxy do less: of the fields only `X-Forwarded-*`",
    "d8": "HTTP/2 in clear text to HTTP/1.1, 1 KiB, 8 connections of 8 streams",
    "f": "1,000 routes over 50 hosts, 1 KiB",
    "g": "paced at 10,000 requests per second, 1 KiB",
    "w": "WebSocket, messages of 1 KiB echoed, 64 connections",
    "w16": "WebSocket, messages of 16 KiB echoed, 64 connections",
}
# Hosts, and paths of each.
ROUTES = {"f": (50, 20)}
# Connections, and streams of each.
STREAMS = {"d": (64, 1), "d0": (64, 1), "d8": (8, 8)}
# Those whose requests are messages.
SOCKETS = {"w", "w16"}
# Those in which the peers set fewer fields than the gateway: to show what that is worth, under no bar.
USUAL = {"a0", "d0"}
# Requests per second.
RATES = {"g": 10_000}
# The tables between which routing must cost the same.
FEW_ROUTES, MANY_ROUTES = (2, 5), (500, 20)
# Two runs of these lengths; the difference is the steady state.
COUNTED = (2_000, 4_000) if QUICK else (10_000, 40_000)
STARTS = 3 if QUICK else 21

# Our CPU by the better peer's (PERF.md; for paced load no more than theirs).
BAR_RATIOS = {"a": 0.75, "b": 0.80, "d": 1.00, "d8": 1.00, "f": 0.75, "g": 1.00, "w": 1.00, "w16": 1.00}
BAR_INSTRUCTIONS = 12_000
BAR_FAST_SECONDS = 5
BAR_SIZE_MIB = 4
# Images: what they are of, and most MiB.
IMAGES = {
    "`specs/quickstart`": (ROOT / "specs/quickstart/goma.yaml", 5),
    "`tests/specs/everything.yaml`": ("everything", 12),
}
BAR_ROUTING = 1.05
BAR_START_MS = 15
BAR_START_MIB = 8
BAR_IDLE_KIB = 4


def main():
    with tempfile.TemporaryDirectory(prefix="goma-bench-") as work:
        gateway = build("bench", Path(work) / "bench", PROFILE)[0]
        literal = build("bench-literal", Path(work) / "literal", PROFILE)[0]
        backend_address = peers.free_address()
        backend = peers.pinned(peers.LOAD_CORE, [BIN / "bench-backend", backend_address])
        try:
            peers.wait_for(backend_address, backend)
            place = {"work": work, "backend": backend_address, "gateway": gateway}
            peers.same_fields(work, gateway)
            routed = {
                routes: place | {"routes": routes, "gateway": build_routes(Path(work), routes)}
                for routes in (ROUTES["f"], FEW_ROUTES, MANY_ROUTES)
            }
            rounds = {
                key: measure(key, routed[ROUTES[key]] if key in ROUTES else place) for key in SCENARIOS
            }
            counts = {
                "plain": instructions("goma", "/1k", place),
                "two filters": instructions("goma", "/two/1k", place),
                "nginx": instructions("nginx", "/1k", place),
                "haproxy": instructions("haproxy", "/1k", place),
            }
            routing = [instructions("goma", "/1k", routed[routes]) for routes in (FEW_ROUTES, MANY_ROUTES)]
            first = {name: first_answer(name, place)[0] for name in NAMES}
            first_routed = {name: first_answer(name, routed[ROUTES["f"]]) for name in NAMES}
            kept = {name: idle.per_connection(name, place) for name in NAMES}
        finally:
            peers.stop(backend)
        sizes = {"IP addresses only": size(literal), "with a DNS resolver": size(gateway)}
        images = {name: image(Path(work), spec) for name, (spec, _) in IMAGES.items()}
        warm = [rebuild(Path(work)) for _ in range(1 if QUICK else 5)]
    page = render(rounds, counts, routing, first, first_routed, kept, sizes, images, warm)
    print(page)
    if not QUICK:
        PAGE.write_text(page)


def build(spec, out, profile, *rest):
    """`goma build` of a spec in tests/specs; path and seconds."""
    begun = time.monotonic()
    source = spec if isinstance(spec, Path) else ROOT / f"tests/specs/{spec}.yaml"
    subprocess.run(
        [BIN / "goma", "build", profile, "--out", out, *rest, source],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )
    return out / "gateway", time.monotonic() - begun


def build_routes(work, routes):
    """A gateway with a table of this shape."""
    spec = work / "routes-{}x{}.yaml".format(*routes)
    spec.write_text(peers.goma_routes(routes, "${BACKEND}"))
    return build(spec, spec.with_suffix(""), PROFILE)[0]


def spread(place):
    """What the load generator is told of a table of routes."""
    return ["--spread", "{},{}".format(*place["routes"])] if place.get("routes") else []


def rebuild(work):
    """Seconds of `goma build --fast` after one of ten routes has changed."""
    spec, out = work / "ten.yaml", work / "ten"
    for run in ("first", f"r{time.monotonic_ns()}"):
        routes = "".join(
            f"    - {{name: r{n}, path: /r{n}, rewrite: /{run if n == 0 else n}, "
            "target: 'http://127.0.0.1:9090', middlewares: [mark]}\n"
            for n in range(10)
        )
        spec.write_text(
            "version: 2\ngateway:\n  routes:\n" + routes +
            "middlewares:\n  - {name: mark, type: requestHeaders, rule: {setHeaders: {X-Mark: a}}}\n"
        )
        seconds = build(spec, out, "--fast")[1]
    return seconds


def load(addresses, path, body, *rest):
    """One run of the load generator, on its core; its figures of each target."""
    process = peers.pinned(
        peers.LOAD_CORE,
        [BIN / "bench-load", "--target", ",".join(addresses), "--path", path, "--body", body,
         "--connections", CONNECTIONS, *rest],
        stdout=subprocess.PIPE, text=True,
    )
    output, _ = process.communicate()
    if process.returncode != 0:
        raise SystemExit("the load generator failed")
    figures = json.loads(output)
    for of in figures:
        if of["errors"]:
            raise SystemExit(f"{of['errors']} errors on {path}: not a measurement")
    return figures


def load_http2(targets, path, connections, streams):
    """The same by h2load, which others have written: it warms each target up, then counts in turns, the
    order of which is turned too. `targets`: processes and addresses."""
    def run(address, milliseconds, *rest):
        done = peers.pinned(
            peers.LOAD_CORE,
            ["h2load", "-c", connections, "-m", streams, "-D", f"{milliseconds}ms", *rest,
             f"http://{address}{path}"],
            stdout=subprocess.PIPE, text=True,
        )
        output, _ = done.communicate()
        counts = re.search(r"requests: (\d+) total, .* (\d+) done, (\d+) succeeded", output)
        if done.returncode != 0 or not counts or counts[2] != counts[3]:
            raise SystemExit(f"h2load failed:\n{output}")
        return int(counts[3])

    def ticks(process):
        fields = Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return int(fields[11]) + int(fields[12])

    def turn(process, address, into):
        with tempfile.NamedTemporaryFile("r") as times:
            before, begun = ticks(process), time.monotonic()
            into["requests"] += run(address, HTTP2_TURN_MS, f"--log-file={times.name}")
            into["seconds"] += time.monotonic() - begun
            into["cpu_ticks"] += ticks(process) - before
            into["times"].extend(int(line.split()[2]) for line in times)

    taken = [{"requests": 0, "seconds": 0.0, "cpu_ticks": 0, "times": []} for _ in targets]
    for _, address in targets:
        run(address, round(WARMUP_SECONDS * 1000))
    for number in range(HTTP2_TURNS):
        order = list(zip(targets, taken))
        for (process, address), into in order if number % 2 == 0 else reversed(order):
            turn(process, address, into)
    for (process, _), into in zip(targets, taken):
        times = sorted(into.pop("times"))
        into |= {
            "p50_us": times[len(times) // 2], "p99_us": times[len(times) * 99 // 100],
            "rss_kib": peers.resident_kib(process),
        }
    return taken


def measure(scenario, place):
    """Rounds of one scenario, each with new processes of all proxies, in turned order."""
    path, body = SCENARIOS[scenario]
    ticks_per_second = os.sysconf("SC_CLK_TCK")
    rounds = []
    for number in range(ROUNDS):
        turn = number % len(NAMES)
        names = NAMES[turn:] + NAMES[:turn]
        started = [
            peers.start(
                name, **place, http2=scenario in STREAMS, usual=scenario in USUAL, sockets=scenario in SOCKETS)
            for name in names
        ]
        processes, addresses = zip(*started)
        if scenario in STREAMS:
            taken = load_http2(started, path, *STREAMS[scenario])
        else:
            taken = load(
                addresses, path, body, "--seconds", WINDOW_SECONDS, "--warmup", WARMUP_SECONDS,
                "--pid", ",".join(str(process.pid) for process in processes), *spread(place),
                *(["--rate", RATES[scenario]] if scenario in RATES else []),
                *(["--protocol", "websocket"] if scenario in SOCKETS else []),
            )
        for process in processes:
            peers.stop(process)
        for figures in taken:
            figures["cpu_us"] = figures["cpu_ticks"] / ticks_per_second * 1e6 / figures["requests"]
            figures["per_second"] = figures["requests"] / figures["seconds"]
        round_ = dict(zip(names, taken))
        rounds.append(round_)
        print(scenario, number + 1, {n: round(f["cpu_us"], 1) for n, f in round_.items()},
              file=sys.stderr, flush=True)
    return rounds


def instructions(name, path, place):
    """User instructions per request, by callgrind, in the steady state."""
    totals = []
    for requests in COUNTED:
        report = Path(place["work"]) / "callgrind.out"
        process, address = peers.start(
            name, **place,
            wrap=["valgrind", "--tool=callgrind", f"--callgrind-out-file={report}"],
        )
        load([address], path, 1_024, "--requests", requests, *spread(place))
        peers.stop(process)
        totals.append(int(re.search(r"^(?:totals|summary): (\d+)", report.read_text(), re.M)[1]))
        report.unlink()
    return round((totals[1] - totals[0]) / (COUNTED[1] - COUNTED[0]))


def first_answer(name, place):
    """Milliseconds from start to the first answer, and MiB resident then: medians of some starts."""
    import http.client

    taken, memory = [], []
    path, host = ("/r0/1k", {"Host": "h0.test"}) if place.get("routes") else ("/1k", {})
    for _ in range(STARTS):
        listen = peers.free_address()
        line, environment = peers.command(
            name, listen=listen, **place)
        begun = time.monotonic()
        process = subprocess.Popen(
            [*map(str, line)], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        while True:
            try:
                connection = http.client.HTTPConnection(listen)
                connection.request("GET", path, headers=host)
                if connection.getresponse().status == 200:
                    break
            except OSError:
                time.sleep(0.0005)
        taken.append((time.monotonic() - begun) * 1e3)
        memory.append(peers.resident_kib(process) / 1024)
        peers.stop(process)
    return statistics.median(taken), statistics.median(memory)


def image(work, spec):
    """MiB of an image as a registry has it: manifest, configuration and compressed layers."""
    out = work / "image"
    shutil.rmtree(out, ignore_errors=True)
    build(spec, work / "dist", PROFILE, "--image", out)
    index = json.loads((out / "index.json").read_text())
    [manifest] = [entry for entry in index["manifests"] if "platform" in entry]
    listed = json.loads((out / "blobs" / manifest["digest"].replace(":", "/")).read_text())
    parts = [manifest, listed["config"], *listed["layers"]]
    return sum(part["size"] for part in parts) / 1024 / 1024


def size(binary):
    return binary.stat().st_size / 1024 / 1024


def processor():
    """What runs this, without its name in the network."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":")[1].strip()
    return platform.machine()


def median(rounds, name, figure):
    return statistics.median(round_[name][figure] for round_ in rounds)


def ratio(rounds, peer):
    """Our CPU per request by the peer's in the same round: median, lowest, highest."""
    pairs = sorted(r["goma"]["cpu_us"] / r[peer]["cpu_us"] for r in rounds)
    return statistics.median(pairs), pairs[0], pairs[-1]


def verdict(met):
    return "met" if met else "**missed**"


def render(rounds, counts, routing, first, first_routed, kept, sizes, images, warm):
    version = peers.versions()
    titles = {"goma": "goma", "nginx": f"nginx {version['nginx']}", "haproxy": f"HAProxy {version['haproxy']}"}
    out = [
        "# Benchmarks",
        "",
        "What a request costs in a generated gateway, next to nginx and HAProxy with equal work. Written by",
        "`ci/bench`; every figure is of that one run.",
        "",
        f"- Machine: {os.cpu_count()} cores, {processor()}, Linux {platform.release().split('-')[0]}; shared, so times are noisy",
        "- The proxy has one worker and core 0 for itself; backend and load generator share core 1",
        f"- {CONNECTIONS} requests under way, each on a keep-alive connection unless the title says otherwise; keep-alive to the backend",
        "- Equal work: reverse proxy, hop-by-hop fields dropped; `X-Forwarded-*`, `X-Real-IP`, a request id both ways and",
        "  `Proxied-By` set by all three, which `ci/bench` looks at before it measures; no log, no metrics",
        f"- {ROUNDS} rounds, each with new processes: {WARMUP_SECONDS} s of warm-up, then {WINDOW_SECONDS} s for each "
        "proxy, in turns of 0.2 s, the order turned; medians",
        "- CPU: user and system time of the proxy's process by the requests answered in the same window",
        "- Ratio: our CPU by the peer's *in the same round*, median (lowest to highest): the figure to trust",
        "",
        "## Per request",
        "",
    ]
    bars = []
    for key in SCENARIOS:
        of = rounds[key]
        # PERF.md sets HTTP/2 against HAProxy.
        peer = ("haproxy",) if key in STREAMS else ("nginx", "haproxy")
        better = min(peer, key=lambda name: median(of, name, "cpu_us"))
        out += [
            f"### {key}. {TITLES[key]}",
            "",
            "| | CPU µs | requests/s | p50 µs | p99 µs | RSS MiB | goma's CPU by its |",
            "|---|---|---|---|---|---|---|",
        ]
        for name in NAMES:
            figure = lambda what: median(of, name, what)
            by = "–"
            if name != "goma":
                by = "{:.2f} ({:.2f} to {:.2f})".format(*ratio(of, name))
            out.append(
                f"| {titles[name]} | {figure('cpu_us'):.1f} | {figure('per_second'):,.0f} | {figure('p50_us'):,.0f} "
                f"| {figure('p99_us'):,.0f} | {figure('rss_kib') / 1024:.1f} | {by} |"
            )
        out.append("")
        if key in USUAL:
            continue
        value = ratio(of, better)[0]
        bars.append((f"{key}: our CPU by that of {titles[better]}" + (", the better peer" if len(peer) > 1 else ""),
                     f"≤ {BAR_RATIOS[key]:.2f}", f"{value:.2f}",
                     value <= BAR_RATIOS[key]))
    out += [
        "a0, d0: what those who leave the request id out pay; under no bar, because the gateway does more.",
        f"d, d0, d8: h2load is the client, {HTTP2_TURNS} times for {HTTP2_TURN_MS} ms at each proxy in a round. f: a virtual host for each host and",
        "a location for each path in nginx, a map in HAProxy. g: requests are sent when they are due; latencies count from then.",
        "w, w16: a request is a message and its echo, after a handshake that is not measured.",
        "",
        "What checking costs is in [validators.md](validators.md), what building costs in [scaling.md](scaling.md).",
        "",
        "## User instructions per request",
        "",
        f"By callgrind, 1 KiB, {CONNECTIONS} connections: the difference of runs of {COUNTED[0]:,} and {COUNTED[1]:,} requests. Free of noise;",
        "the kernel's share is not in it.",
        "",
        "| | instructions |",
        "|---|---|",
        f"| goma, plain | {counts['plain']:,} |",
        f"| goma, with two filters | {counts['two filters']:,} |",
        f"| {titles['nginx']}, plain | {counts['nginx']:,} |",
        f"| {titles['haproxy']}, plain | {counts['haproxy']:,} |",
        f"| goma, a table of 10 routes | {routing[0]:,} |",
        f"| goma, a table of 10,000 routes | {routing[1]:,} |",
        "",
        "## Around it",
        "",
        "| | |",
        "|---|---|",
    ]
    out += [f"| stripped static binary, {what} | {mib:.2f} MiB |" for what, mib in sizes.items()]
    out += [f"| image of {what}, compressed | {mib:.2f} MiB |" for what, mib in images.items()]
    out += [f"| start to first answer, {titles[name]} | {first[name]:.1f} ms |" for name in NAMES]
    out += [
        f"| start to first answer with 1,000 routes, and memory then, {titles[name]} "
        f"| {first_routed[name][0]:.1f} ms, {first_routed[name][1]:.1f} MiB |"
        for name in NAMES
    ]
    out += [f"| memory for each idle connection, {titles[name]} | {kept[name]:.1f} KiB |" for name in NAMES]
    out.append(f"| `goma build --fast` after one of ten routes has changed | {statistics.median(warm):.2f} s |")
    few, many = routing
    start_ms, start_mib = first_routed["goma"]
    bars += [
        ("instructions at 10,000 routes by those at 10", f"≤ {BAR_ROUTING:.2f}", f"{many / few:.3f}",
         many / few <= BAR_ROUTING),
        ("start to first answer, 1,000 routes", f"≤ {BAR_START_MS} ms", f"{start_ms:.1f} ms",
         start_ms <= BAR_START_MS),
        ("memory after it", f"≤ {BAR_START_MIB} MiB", f"{start_mib:.1f} MiB", start_mib <= BAR_START_MIB),
        ("memory for each idle connection", f"≤ {BAR_IDLE_KIB} KiB", f"{kept['goma']:.1f} KiB",
         kept["goma"] <= BAR_IDLE_KIB),
        ("user instructions, two filters", f"≤ {BAR_INSTRUCTIONS:,}", f"{counts['two filters']:,}",
         counts["two filters"] <= BAR_INSTRUCTIONS),
        ("`goma build --fast`, warm, ten routes", f"≤ {BAR_FAST_SECONDS} s", f"{statistics.median(warm):.2f} s",
         statistics.median(warm) <= BAR_FAST_SECONDS),
        ("plain binary", f"≤ {BAR_SIZE_MIB} MiB", f"{sizes['IP addresses only']:.2f} MiB",
         sizes["IP addresses only"] <= BAR_SIZE_MIB),
    ]
    bars += [
        (f"image of {what}, compressed", f"≤ {bar} MiB", f"{images[what]:.2f} MiB", images[what] <= bar)
        for what, (_, bar) in IMAGES.items()
    ]
    out += ["", "## Bars", "", "| | bar | measured | |", "|---|---|---|---|"]
    out += [f"| {what} | {bar} | {measured} | {verdict(met)} |" for what, bar, measured, met in bars]
    return "\n".join(out) + "\n"


if __name__ == "__main__":
    if not shutil.which("taskset"):
        raise SystemExit("taskset is missing")
    main()
