"""`make fuzz`: libFuzzer on every target, an equal number of executions each.

    python -m tests.fuzz --runs 1000000 [--seconds 60] [--only NAME]

Each target runs in a process of its own: a find ends that one alone, and its bytes lie
in build/fuzz then, ready to be put beside the target's seeds.
"""

import argparse
import hashlib
import multiprocessing
import sys
import time
import traceback
from functools import partial
from pathlib import Path

import atheris  # type: ignore[import-untyped]  # the Makefile gives it a place

# What is to be led to new branches must be instrumented as it is imported.
with atheris.instrument_imports(include=["broker", "tests.fuzz.targets"]):
    from tests.fuzz.targets import TARGETS, Target

CORPUS = Path(__file__).parent / "corpus"
FOUND = Path("build/fuzz")
LONGEST_INPUT = 4096


def main() -> int:
    """Run all of them, two at a time; how many had a find."""
    words = _parser().parse_args()
    names = [words.only] if words.only else list(TARGETS)
    runs, seconds = words.runs // len(names), words.seconds * 2 // len(names)
    began = time.monotonic()
    FOUND.mkdir(parents=True, exist_ok=True)
    fork = multiprocessing.get_context("fork")
    failed = []
    waiting = [
        (name, fork.Process(target=_fuzz, args=(name, runs, seconds))) for name in names
    ]
    while waiting:
        pair, waiting = waiting[:2], waiting[2:]
        for _, process in pair:
            process.start()
        for name, process in pair:
            process.join()
            if process.exitcode:
                failed.append(name)
    took = time.monotonic() - began
    what = f"finds in {', '.join(failed)}" if failed else "no find"
    sys.stdout.write(
        f"{len(names)} targets, at most {runs} runs each, {took:.0f} s: {what}\n"
    )
    return len(failed)


def _fuzz(name: str, runs: int, seconds: int) -> None:
    target = TARGETS[name]
    seeds = FOUND / "corpus" / name
    seeds.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.seeds):
        (seeds / f"seed-{number}").write_bytes(seed)
    options = [
        f"-runs={runs}",
        "-seed=1",  # the same in each run of CI; --runs of another size go on from it
        f"-max_len={LONGEST_INPUT}",
        f"-artifact_prefix={FOUND}/{name}-",
        "-verbosity=0",
        "-rss_limit_mb=2048",
        "-timeout=10",
    ]
    if seconds:
        options.append(f"-max_total_time={seconds}")
    known = CORPUS / name
    folders = [str(seeds), *([str(known)] if known.is_dir() else [])]
    atheris.Setup(["fuzz", *options, *folders], partial(_take, name, target))
    atheris.Fuzz()


def _take(name: str, target: Target, data: bytes) -> None:
    try:
        target(data)
    except BaseException:
        found = FOUND / f"{name}-{hashlib.sha256(data).hexdigest()[:16]}"
        found.write_bytes(data)
        sys.stderr.write(f"{traceback.format_exc()}\n{name}: {found}\n")
        raise


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("--runs", type=int, default=1_000_000, help="over all targets")
    parser.add_argument("--seconds", type=int, default=0, help="in all, about")
    parser.add_argument("--only", choices=sorted(TARGETS))
    return parser


if __name__ == "__main__":
    sys.exit(main())
