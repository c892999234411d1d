"""The same problem and seed give the same answer, byte for byte, whatever order Python's hashes have in a process."""

import json
import os
import subprocess
import sys
from pathlib import Path

from .generate import LINKED, SINGLE, make, replanned
from .judging import example, planned
from .tiny import tiny

ROOT = Path(__file__).parents[2]

ANSWER = """
import json, sys
from dataclasses import replace
from scheduling.engine import plan, read_problem, write_result
for line in sys.stdin:
    asked = json.loads(line)
    options = {"alternatives": asked["alternatives"]} if asked["alternatives"] else {}
    result = plan(read_problem(asked["problem"]), time_limit=600, seed=asked["seed"], **options)
    print(json.dumps(write_result(replace(result, seconds=0.0))))
"""


def answers(asked, hash_seed):
    """What a process of its own writes for each problem."""
    done = subprocess.run(
        [sys.executable, "-c", ANSWER],
        input="".join(json.dumps(each) + "\n" for each in asked),
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        check=True,
    )
    return done.stdout.splitlines()


def problems():
    """Of every family, with refusals, replanned courses, several links and small intakes."""
    for seed, family in enumerate(SINGLE + LINKED):
        document = make(seed, families=[family], load=0.5, long=False, days=28)
        yield document
        again = replanned(document, planned(document), seed)
        if again is not None:
            yield again
    yield example("tiny-infeasible")
    for seed in range(6):
        yield tiny(seed, tracks=1 + seed % 3, courses=1 + seed // 3, given=seed % 2 == 1)
    for families in (SINGLE, LINKED):
        yield make(3, families=families, load=0.3, long=False, days=28, courses=3)


def test_two_processes_write_the_same_bytes():
    asked = [
        {"problem": document, "seed": at % 3, "alternatives": 2 if at % 5 == 0 else 0}
        for at, document in enumerate(problems())
    ]
    one, other = answers(asked, "1"), answers(asked, "4242")
    assert len(one) == len(asked)
    assert one == other
    statuses = {course["status"] for line in one for course in json.loads(line)["courses"]}
    assert statuses == {"planned", "infeasible"}
