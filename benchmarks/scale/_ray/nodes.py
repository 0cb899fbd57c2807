"""Simulated Ray cluster on this machine: `python -m benchmarks.scale._ray.nodes NODES [PROCESSORS]`.

Needs a Python that has Ray. Starts a head that does no jobs and so many nodes of one processor, or as many as they say,
prints the cluster's address, and then reads commands: `kill` ends a node and all of its processes at once and puts
another in its place, `add` adds one; end of input ends all.
"""

from __future__ import annotations

import os
import random
import sys
from contextlib import suppress

from ray.cluster_utils import Cluster

MIB = 1 << 20
STORE_BYTES = 80 * MIB
"""Shared memory of a node, near the least that Ray takes: what jobs send is small."""
TRIES = 4
"""Times that a node is begun before giving up."""
NODE_BYTES = 4096 * MIB
"""Memory that a node says it has for jobs."""


def add_node(cluster: Cluster, **settings: object) -> object:
    """Add a node, and try again where a busy machine does not start it in the 30 seconds that Ray waits."""
    for _ in range(TRIES - 1):
        with suppress(Exception):  # Ray raises no narrower one
            return cluster.add_node(object_store_memory=STORE_BYTES, **settings)
    return cluster.add_node(object_store_memory=STORE_BYTES, **settings)


def main() -> None:
    """Run the cluster until the input ends."""
    os.environ.update(RAY_USAGE_STATS_ENABLED="0", RAY_gcs_server_port_wait_time_s="120")
    cluster = Cluster()
    add_node(cluster, num_cpus=0, include_dashboard=False)
    processors = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    nodes = [add_node(cluster, num_cpus=processors, memory=NODE_BYTES) for _ in range(int(sys.argv[1]))]
    print(cluster.address, flush=True)
    for command in sys.stdin:
        if command.strip() == "kill":
            cluster.remove_node(nodes.pop(random.randrange(len(nodes))), allow_graceful=False)
        nodes.append(add_node(cluster, num_cpus=processors, memory=NODE_BYTES))
        print("another", flush=True)
    cluster.shutdown()


if __name__ == "__main__":
    main()
