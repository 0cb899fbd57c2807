"""Process from which the processes of jobs are forked.

`python -m app.worker.launchers.fork_server NICENESS SECONDS` loads what jobs need and builds a tiny model of its own,
then waits for requests on the socket that is its standard input; it ends after so many seconds without one, and with
its worker. It never does a job's work: each is done in a
fork that ends with it, so a job sees what was loaded here and nothing of an earlier job. A process of several threads
cannot be forked safely; if loading has started any, every job gets a process of its own from the start (cold).

A request comes with three descriptors: the child's standard input, its standard output, and a socket that is told the
child's id, with a descriptor of the process, and later its exit status.
"""

from __future__ import annotations

import gc
import json
import os
import random
import selectors
import socket
import sys
import tempfile
import traceback
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

import numpy as np
import torch

from app.schemas.jobs.requests import parse_job_request
from app.schemas.jobs.training_jobs import NgramJob
from app.worker.child.main import lower_priority, run_child
from app.worker.launchers.subprocess_launcher import CHILD_COMMAND
from models.checkpoint.save import save
from models.recipes.build import build
from models.threads import set_thread_count
from models.utils.progress import run_to_completion

_REQUEST_BYTES = 16
_WARM_UP_TEXT = "to be or not to be\nthat is the question\n" * 10


def main() -> None:
    """Load what jobs need, and fork until nobody asks any more."""
    niceness, idle_seconds = int(sys.argv[1]), float(sys.argv[2])
    control = socket.socket(fileno=os.dup(0))
    lower_priority(niceness)
    refusal = warm_up()
    gc.freeze()  # a collection in a fork would write to, and so copy, the pages of all objects
    ForkServer(control, idle_seconds, refusal).serve()


def warm_up() -> str | None:
    """Load compiled functions by making a tiny model; returns why this process may not fork, if so."""
    try:
        request = parse_job_request({"kind": "ngram", "name": "warm-up", "training_file": "file-1"})
        assert isinstance(request, NgramJob)
        set_thread_count(1)  # threads that save files would stay; the fork's work says how many it takes
        with tempfile.TemporaryDirectory() as folder:
            text = Path(folder) / "text"
            text.write_text(_WARM_UP_TEXT)
            recipe = request.recipe(text, None)
            built = run_to_completion(build(recipe, Path(folder)))
            save(Path(folder) / "models", recipe.name, built.model, built.tokenizer, built.provenance("warm-up"))
    except Exception as error:  # a job that needs what failed here will say so itself
        return f"the model to begin with could not be built ({type(error).__name__}: {error})"
    threads = sum(1 for _ in Path("/proc/self/task").iterdir())
    return None if threads == 1 else f"loading has started {threads - 1} more threads"


class ForkServer:
    """Server of the socket `control`; with a `refusal` it starts every child anew instead of forking it."""

    def __init__(self, control: socket.socket, idle_seconds: float, refusal: str | None = None) -> None:
        self._control, self._idle_seconds, self._refusal = control, idle_seconds, refusal
        self._selector = selectors.DefaultSelector()
        self._selector.register(control, selectors.EVENT_READ)
        self._links: dict[int, socket.socket] = {}
        """Sockets that wait for an exit status, by process id."""

    def serve(self) -> None:
        """Answer requests until the worker is gone, or nobody asks any more."""
        while True:
            ready = self._selector.select(None if self._links else self._idle_seconds)
            if not ready and not self._take_last_requests():
                return
            for key, _ in ready:
                if key.fileobj is self._control and not self._answer():
                    return
                if key.data is not None:
                    self._reap(key.fd, key.data)

    def _take_last_requests(self) -> bool:
        """Refuse further requests and answer those that have come meanwhile; False where there are none."""
        self._control.shutdown(socket.SHUT_RD)  # from now on, sending one fails, and the worker starts another server
        return self._answer()

    def _answer(self) -> bool:
        """Start the child of one request; False where the worker is gone."""
        try:
            request, descriptors, *_ = socket.recv_fds(self._control, _REQUEST_BYTES, 3, socket.MSG_CMSG_CLOEXEC)
        except ConnectionResetError:
            return False
        if not request:
            return False
        orders, reports, link = descriptors
        answers = socket.socket(fileno=link)
        pid = self._start_child(orders, reports, answers)
        for descriptor in (orders, reports):
            os.close(descriptor)
        self._watch(pid, answers)
        return True

    def _start_child(self, orders: int, reports: int, link: socket.socket) -> int:
        """Fork a child, or start it anew where that is refused; returns its process id."""
        if self._refusal is not None:
            streams = [(os.POSIX_SPAWN_DUP2, orders, 0), (os.POSIX_SPAWN_DUP2, reports, 1)]
            return os.posix_spawn(CHILD_COMMAND[0], CHILD_COMMAND, os.environ, file_actions=streams)
        pid = os.fork()
        if pid == 0:
            try:
                self._become_child(orders, reports, link)
            except BaseException:  # a fork must not go on as a server
                traceback.print_exc()
            finally:
                os._exit(1)
        return pid

    def _become_child(self, orders: int, reports: int, link: socket.socket) -> NoReturn:
        """Let go of everything that is the server's, and do the work."""
        os.dup2(orders, 0)
        os.dup2(reports, 1)
        for descriptor in (orders, reports):
            os.close(descriptor)
        self._selector.close()
        for held in (self._control, link, *self._links.values()):
            held.close()
        name_process("nextword-job")
        seed_randomly()
        run_child()

    def _watch(self, pid: int, link: socket.socket) -> None:
        """Tell the worker which process it is, and wait for its end."""
        process = os.pidfd_open(pid)
        self._links[pid] = link
        with suppress(OSError):  # the worker is gone, or has changed its mind
            answer = json.dumps({"pid": pid, "refusal": self._refusal}).encode()
            socket.send_fds(link, [answer], [process])
        self._selector.register(process, selectors.EVENT_READ, pid)

    def _reap(self, process: int, pid: int) -> None:
        self._selector.unregister(process)
        os.close(process)
        _, status = os.waitpid(pid, 0)
        with self._links.pop(pid) as link, suppress(OSError):
            link.send(str(os.waitstatus_to_exitcode(status)).encode())


def name_process(name: str) -> None:
    """Give this process a name of up to 15 characters, for `ps` and those who look for it."""
    with suppress(OSError):
        Path("/proc/self/comm").write_text(name)


def seed_randomly() -> None:
    """Seed the generators of random numbers anew, which every fork would otherwise find in the same state."""
    random.seed()
    np.random.seed()
    torch.seed()


if __name__ == "__main__":
    main()
