"""Many streams of voice activity through one set of weights, in real time: python -m bench.streams FILE [--streams N].

FILE is silero_vad.onnx or silero_vad_16k.safetensors of the package silero-vad. Every stream gets a chunk of 32 ms when
its time has come; reported are how busy the processors are, how late results are, and memory.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

import numpy as np

import pyseq
from pyseq.tasks import VoiceActivity

GROUP = 50  # streams whose chunks come at the same moment


def resident_mib() -> float:
    """Memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 2**20


def one_stream(detector: VoiceActivity, seconds: float) -> float:
    """The real-time factor of a stream that is served alone, chunk by chunk."""
    chunks = round(seconds / detector.chunk_seconds)
    x = np.random.default_rng(0).standard_normal((chunks, 1, 1, detector.chunk)).astype(np.float32) * 0.1
    state = detector.program.new_state(1)
    detector.program.run("step", state=state, x=x[0])
    begin = time.perf_counter()
    for chunk in x:
        detector.program.run("step", state=state, x=chunk)
    return (time.perf_counter() - begin) / seconds


def many_streams(detector: VoiceActivity, count: int, seconds: float, max_batch: int) -> None:
    """Serve them in real time and print what came of it."""
    pool = pyseq.StreamPool(detector.program, max_streams=count, max_batch=max_batch)
    streams = [pool.open() for _ in range(count)]
    groups = [streams[begin : begin + GROUP] for begin in range(0, count, GROUP)]
    x = np.random.default_rng(0).standard_normal((GROUP, 1, detector.chunk)).astype(np.float32) * 0.1
    period = detector.chunk_seconds
    lateness, memory, waiting = [], [], []
    busy = time.process_time()
    begin = time.perf_counter()
    for number in range(round(seconds / period) * len(groups)):
        due = begin + number * period / len(groups)
        while (now := time.perf_counter()) < due:
            if waiting and waiting[0][1].done:
                at, ticket = waiting.pop(0)
                ticket.result()
                lateness.append(time.perf_counter() - at)
            else:
                time.sleep(min(due - now, 0.0005))
        group = groups[number % len(groups)]
        waiting.append((due, pool.submit(group, {"x": x[: len(group)]})))
        if number % (10 * len(groups)) == 0:
            memory.append(resident_mib())
    for at, ticket in waiting:
        ticket.result()
        lateness.append(time.perf_counter() - at)
    elapsed, busy = time.perf_counter() - begin, time.process_time() - busy
    late = np.percentile(lateness, [50, 99, 100]) * 1e3
    print(
        f"{count} streams, {seconds:.0f} s of sound each, in {elapsed:.2f} s; "
        f"{busy / elapsed:.2f} of {len(os.sched_getaffinity(0))} processors busy"
    )
    print(f"result after the chunk: median {late[0]:.1f} ms, 99 % {late[1]:.1f} ms, worst {late[2]:.1f} ms")
    middle = memory[len(memory) // 2]
    print(f"memory: {memory[0]:.1f} MiB at the start, {middle:.1f} in the middle, {memory[-1]:.1f} at the end")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--streams", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--max-batch", type=int, default=64)
    arguments = parser.parse_args()
    detector = pyseq.load(arguments.file)
    threads = pyseq.num_threads()
    pyseq.set_num_threads(1)
    print(f"one stream alone, one thread: real-time factor {one_stream(detector, 10):.5f}")
    pyseq.set_num_threads(threads)
    many_streams(detector, arguments.streams, arguments.seconds, arguments.max_batch)


if __name__ == "__main__":
    main()
