"""Simulated Ray cluster on this machine: `python -m benchmarks.scale._ray_nodes NODES`.

Needs a Python that has Ray. Starts a head that does no jobs and so many nodes of one processor, prints the cluster's
address, and then reads commands: `kill` ends a node and all of its processes at once and puts another in its place; end
of input ends all.
"""

from __future__ import annotations

import os
import random
import sys

from ray.cluster_utils import Cluster

MIB = 1 << 20
STORE_BYTES = 80 * MIB
"""Shared memory of a node, near the least that Ray takes: what jobs send is small."""
NODE_BYTES = 4096 * MIB
"""Memory that a node says it has for jobs."""


def main() -> None:
    """Run the cluster until the input ends."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    cluster = Cluster()
    cluster.add_node(num_cpus=0, object_store_memory=STORE_BYTES, include_dashboard=False)

    def add_node() -> object:
        return cluster.add_node(num_cpus=1, memory=NODE_BYTES, object_store_memory=STORE_BYTES)

    nodes = [add_node() for _ in range(int(sys.argv[1]))]
    print(cluster.address, flush=True)
    for _ in sys.stdin:
        cluster.remove_node(nodes.pop(random.randrange(len(nodes))), allow_graceful=False)
        nodes.append(add_node())
        print("another", flush=True)
    cluster.shutdown()


if __name__ == "__main__":
    main()
