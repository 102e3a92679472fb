"""The workloads by name, in the order of the report."""

from __future__ import annotations

from bench.peers.model import Workload
from bench.peers.workloads import attention, ctc, encoder, generation, linear, recurrent, rowwise, sound

WORKLOADS: dict[str, Workload] = {
    part.WORKLOAD.name: part.WORKLOAD
    for part in (rowwise, linear, recurrent, attention, ctc, sound, encoder, generation)
}
