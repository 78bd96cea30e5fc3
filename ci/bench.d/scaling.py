"""What `goma build --fast` takes and makes for 10, 1,000 and 10,000 routes. Called by ci/scaling; writes
docs/scaling.md."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import validators

ROOT = Path(__file__).resolve().parents[2]
GOMA = validators.GOMA
PAGE = ROOT / "docs/scaling.md"

QUICK = "--quick" in sys.argv[1:]
SIZES = validators.SIZES
RUNS = 1 if QUICK else 5
# Seconds of a warm build, by routes.
BARS = {1_000: 10, 10_000: 30}


def build(spec, out):
    """Seconds of a build."""
    begun = time.monotonic()
    subprocess.run(
        [GOMA, "build", "--fast", "--out", out, spec],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )
    return time.monotonic() - begun


def measure(count, work):
    """Seconds of warm builds, each after one route has changed; sizes of what they make."""
    text = validators.large("goma check", count)
    spec, out = work / f"{count}.yaml", work / f"out-{count}"
    spec.write_text(text)
    build(spec, out)
    taken = []
    for run in range(RUNS):
        spec.write_text(text.replace("path: /api/v0/items", f"path: /api/v0/changed{run}", 1))
        taken.append(build(spec, out))
    sources = sorted((out / "crate/src").glob("**/*.rs"))
    texts = {source.stem: source.read_text() for source in sources}
    rows = texts.pop("routes")
    return {
        "seconds": statistics.median(taken),
        "rows": len(rows) / count,
        "lines": rows.count("\n") / count,
        "rest": sum(map(len, texts.values())),
        "binary": (out / "gateway").stat().st_size,
    }


def main():
    with tempfile.TemporaryDirectory(prefix="goma-scaling-") as work:
        found = {count: measure(count, Path(work)) for count in SIZES}
    page = render(found)
    print(page)
    if not QUICK:
        PAGE.write_text(page)
    missed = [count for count, bar in BARS.items() if found[count]["seconds"] > bar]
    if missed and not QUICK:
        raise SystemExit(f"over the bar: {missed}")


def render(found):
    lines = [
        "# What more routes cost", "",
        "<!-- generated: ci/scaling -->", "",
        f"`goma build --fast` of routes on {validators.HOSTS} hosts over {validators.CHAINS} chains of two middlewares, warm: one route has",
        f"changed since the last build; the median of {RUNS}. Code is generated once for each distinct chain; a route",
        "is a row of data, so that everything but the rows stays as it is however many there are. What checking costs",
        "is in [validators.md](validators.md), what a request costs in [benchmarks.md](benchmarks.md).", "",
        "| routes | build | generated for each route | generated besides | gateway |",
        "|---|---|---|---|---|",
    ]
    for count, of in found.items():
        lines.append(
            f"| {count:,} | {of['seconds']:.1f} s | {of['rows']:,.0f} bytes, {of['lines']:.1f} lines "
            f"| {of['rest'] / 1024:,.1f} KiB | {of['binary'] / 1024 / 1024:.2f} MiB |"
        )
    bars = " and ".join(f"{bar} s for {count:,} routes" for count, bar in BARS.items())
    measured = " and ".join(f"{found[count]['seconds']:.1f} s" for count in BARS)
    lines += ["", f"Bars: {bars}; measured {measured}.", ""]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
