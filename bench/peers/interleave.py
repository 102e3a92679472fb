"""One case: its engines built, compared, then timed in turn: A B C A B C …"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import numpy as np

from bench.peers.model import Array, Case, Missing, peer_of, precision_of
from bench.peers.timing import Plan, Samples, stolen_seconds
from bench.peers.worker import Worker, WorkerError

Row = dict[str, Any]


def measure_case(workload: str, name: str, case: Case, threads: int, workers: Mapping[str, Worker], plan: Plan) -> Row:
    """The row of a case: per engine either figures or why there are none."""
    engines: dict[str, Row] = {}
    results: dict[str, Array] = {}
    for engine in case.engines:
        worker = workers.get(peer_of(engine))
        if worker is None:
            continue
        engines[engine] = {"precision": precision_of(engine)}
        try:
            results[engine] = worker.ask("build", workload, name, threads, engine)
        except Missing as missing:
            engines[engine]["missing"] = str(missing)
        except WorkerError as error:
            engines[engine]["error"] = str(error)
    _compare(case, _reference(workload, name, case, threads, workers, results), results, engines)
    for engine, samples in _time(results, workers, engines, threads, plan).items():
        engines[engine].update(samples.summary())
    for worker in workers.values():
        with suppress(WorkerError):  # it has been replaced by a process that holds nothing
            worker.ask("forget")
    return {"workload": workload, "case": name, "threads": threads, "engines": engines}


def _reference(
    workload: str, name: str, case: Case, threads: int, workers: Mapping[str, Worker], results: Mapping[str, Array]
) -> Array | None:
    """What the others are compared with: an exact result where the case has one, else the reference engine's."""
    worker = workers.get(peer_of(case.reference))
    if case.exact is None or worker is None:
        return results.get(case.reference)
    try:
        exact: Array = worker.ask("exact", workload, name, threads)
    except (Missing, WorkerError):
        return None
    return exact


def _compare(case: Case, reference: Array | None, results: Mapping[str, Array], engines: dict[str, Row]) -> None:
    """Note how far each result is from the reference."""
    if reference is None:
        return
    largest = max(float(np.abs(reference).max(initial=0)), 1e-30)
    for engine, result in results.items():
        row = engines[engine]
        same_size = result.shape == reference.shape
        row["difference"] = float(np.abs(result - reference).max(initial=0)) / largest if same_size else None
        # Written so that NaN does not agree.
        row["agrees"] = bool(same_size and row["difference"] <= case.tolerance[row["precision"]])


def _time(
    results: Mapping[str, Array], workers: Mapping[str, Worker], engines: dict[str, Row], threads: int, plan: Plan
) -> dict[str, Samples]:
    samples = {engine: Samples() for engine in results}
    settle = 0.002 if threads == 1 else 0.03  # until the waiting threads of the engine before have gone to sleep
    start, done = time.perf_counter(), 0
    while samples:
        for engine in list(samples):
            time.sleep(settle)
            stolen = stolen_seconds()
            try:
                seconds = workers[peer_of(engine)].ask("turn", engine)
            except WorkerError as error:
                engines[engine]["error"] = str(error)
                del samples[engine]
                continue
            samples[engine].add(seconds, stolen_seconds() - stolen, threads)
        done += 1
        if samples and plan.enough(list(samples.values()), done, time.perf_counter() - start):
            break
    return samples
