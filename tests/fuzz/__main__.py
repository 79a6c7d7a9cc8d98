"""Coverage-guided fuzzing of the two decoders: python -m tests.fuzz [--runs N] [--only gatt|wire].

Each target runs in a process of its own, since libFuzzer ends the one that it runs in. An input that ends in an error
that is not documented is a crash: it is kept in the folder `build/fuzz`, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import atheris

from tests.fuzz.mutations import JSON_TRAPS, mutated_bytes, mutated_json

CRASHES = Path("build/fuzz")
LONGEST_INPUT = {"gatt": 64, "wire": 8192}


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0 when no input of any target crashed, else 1."""
    parser = argparse.ArgumentParser(prog="scripts/fuzz", description="Fuzz the packet parser and the wire decoder.")
    parser.add_argument("--runs", type=int, default=10_000_000, help="inputs for each decoder")
    parser.add_argument("--only", choices=list(LONGEST_INPUT), help="one decoder instead of both")
    parser.add_argument("--seed", type=int, default=0, help="of libFuzzer's mutations; 0 takes another each time")
    said = parser.parse_args(arguments)
    targets = [said.only] if said.only else list(LONGEST_INPUT)
    return max(_fuzz_apart(target, said.runs, said.seed) for target in targets)


def _fuzz_apart(target: str, runs: int, seed: int) -> int:
    CRASHES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as corpus:
        fuzz = f"from tests.fuzz.__main__ import fuzz; fuzz({target!r}, {corpus!r}, {runs}, {seed})"
        ended = subprocess.run([sys.executable, "-c", fuzz], check=False)
    return int(ended.returncode != 0)


def fuzz(target: str, corpus: str, runs: int, seed: int) -> None:
    """Fuzz one target from its seeds, and end this process."""
    # Only what is imported here for the first time reports to the fuzzer which of its branches an input takes.
    with atheris.instrument_imports(include=["ingest"]):
        from tests.fuzz.targets import TARGETS, seeds
    valid = seeds(target)
    for number, payload in enumerate(valid):
        (Path(corpus) / f"seed-{number}").write_bytes(payload)
    options = [
        f"-runs={runs}",
        f"-seed={seed}",
        f"-max_len={LONGEST_INPUT[target]}",
        f"-artifact_prefix={CRASHES}/{target}-",
        "-print_final_stats=1",
        corpus,
    ]
    mutators = {"custom_mutator": partial(_mutated_payload, valid)} if target == "wire" else {}
    atheris.Setup([f"fuzz-{target}", *options], TARGETS[target], **mutators)
    atheris.Fuzz()


def _mutated_payload(valid: Sequence[bytes], found: bytes, longest: int, seed: int) -> bytes:
    """The next input of the wire decoder: in one of three from what the fuzzer found, else from a valid payload.

    pydantic's core is compiled, so the fuzzer does not see its branches; by itself it would let the valid payloads go
    and try little but broken JSON.
    """
    chance = random.Random(seed)
    way = chance.randrange(3)
    if way == 0:
        return bytes(atheris.Mutate(found, longest))
    if way == 1:
        return mutated_bytes(chance, valid, JSON_TRAPS)[:longest]
    letter = chance.choice(valid)[:1]
    return (letter + mutated_json(chance, [payload[1:] for payload in valid if payload[:1] == letter]))[:longest]


if __name__ == "__main__":
    sys.exit(main())
