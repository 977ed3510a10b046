"""One command, one run, all peers: `make bench`, or `python -m benchmarks.run --events 1m|10m|20m|100m`.

Each peer works in a process of its own with two threads, one after the other; equal answers are asserted before any
ratio is printed.
"""

from __future__ import annotations

import argparse
import importlib
import json
import platform
import sys
from pathlib import Path

from benchmarks.measure import in_own_process
from benchmarks.workload import SIZES, files

PEERS = ("opsdeck", "clickhouse", "duckdb", "polars")
QUESTIONS = {
    "funnel": "4-step ordered funnel",
    "retention": "retention, 30 × 30 days",
    "active": "daily active users",
    "growth": "growth accounting, 60 days",
    "import": "import of the CSV",
}
# Ours ÷ theirs must not be above these (the peer named is the one the target is stated against).
TARGETS = {("funnel", "clickhouse"): 0.15, ("retention", "clickhouse"): 0.12, ("active", "clickhouse"): 0.04,
           ("growth", "clickhouse"): 0.1, ("import", "duckdb"): 4.0}  # fmt: skip
TARGET_SIZES = ("20m", "100m")  # below, fixed costs of a few milliseconds decide


def main() -> None:
    """Run the peers and print the table; the exit code is 1 when a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", choices=SIZES, default="20m")
    parser.add_argument("--peer", choices=PEERS, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.peer:
        peer = importlib.import_module(f"benchmarks.peer_{asked.peer}")
        asked.out.write_text(json.dumps(peer.report(files(asked.events)).as_json()), encoding="utf-8")
        return
    print(f"{asked.events} events, 2 threads each, Python {platform.python_version()}; writing the rows if needed ...")
    files(asked.events)
    reports = {peer: in_own_process("benchmarks.run", peer, asked.events) for peer in PEERS}
    _assert_equal(reports)
    sys.exit(_print_table(reports, asked.events))


def _assert_equal(reports: dict[str, dict]) -> None:
    for question in QUESTIONS:
        answers = {
            peer: report["answers"][question] for peer, report in reports.items() if question in report["answers"]
        }
        ours = answers.pop("opsdeck")
        for peer, answer in answers.items():
            assert answer == ours, f"{question}: {peer} finds {str(answer)[:200]}, we find {str(ours)[:200]}"


def _print_table(reports: dict[str, dict], size: str) -> int:
    missed = 0
    heads = f"{'first s':>10}{'median s':>10}{'cpu s':>9}{'ours ÷ theirs':>15}{'cpu':>8}{'first':>9}"
    print(f"\n{'question':<28}{'peer':<12}{heads}")
    for question, title in QUESTIONS.items():
        ours = reports["opsdeck"]["timings"][question]
        for peer, report in reports.items():
            timing = report["timings"].get(question)
            if timing is None:
                continue
            line = f"{title:<28}{peer:<12}{timing['first_s']:>10.3f}{timing['median_s']:>10.3f}{timing['cpu_s']:>9.3f}"
            if peer != "opsdeck":
                ratio = ours["median_s"] / timing["median_s"]
                first = ours["first_s"] / timing["first_s"]
                line += f"{ratio:>14.3f}×{ours['cpu_s'] / timing['cpu_s']:>7.3f}×{first:>8.3f}×"
                target = TARGETS.get((question, peer)) if size in TARGET_SIZES else None
                if target is not None:
                    line += f"  ≤ {target}× {'met' if ratio <= target else 'MISSED'}"
                    missed += ratio > target
            note = report["note"].get(question)
            print(line + (f"  ({note})" if note else ""))
    print("\npeak memory: " + ", ".join(f"{peer} {report['peak_mb']:,.0f} MB" for peer, report in reports.items()))
    print("answers of all peers are equal")
    return int(missed > 0)


if __name__ == "__main__":
    main()
