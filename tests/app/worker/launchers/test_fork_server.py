"""The fork server in this process: when it ends, and when it does not fork."""

from __future__ import annotations

import json
import os
import socket
import sys
import threading

import pytest

from app.worker.launchers import fork_server
from app.worker.launchers.fork_server import ForkServer, warm_up


def pair() -> tuple[socket.socket, socket.socket]:
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def test_fork_server_without_requests_ends_and_refuses_later_ones() -> None:
    worker, control = pair()
    with worker, control:
        ForkServer(control, 0.01).serve()
        with pytest.raises(BrokenPipeError):
            worker.send(b"fork")


def test_fork_server_ends_with_its_worker() -> None:
    worker, control = pair()
    with control:
        worker.close()
        ForkServer(control, 60).serve()


def test_fork_server_that_may_not_fork_starts_children_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    child = (sys.executable, "-c", "import sys; print(input() + ' done', flush=True); sys.exit(3)")
    monkeypatch.setattr(fork_server, "CHILD_COMMAND", child)
    worker, control = pair()
    link, link_of_server = pair()
    (orders_in, orders_out), (reports_in, reports_out) = os.pipe(), os.pipe()
    with worker, control, link:
        socket.send_fds(worker, [b"fork"], [orders_in, reports_out, link_of_server.fileno()])
        for descriptor in (orders_in, reports_out, link_of_server.detach()):
            os.close(descriptor)
        os.write(orders_out, b"work\n")
        os.close(orders_out)
        ForkServer(control, 0.01, "loading has started 2 more threads").serve()
        answer, (process,), *_ = socket.recv_fds(link, 1000, 1)
        assert json.loads(answer)["refusal"] == "loading has started 2 more threads"
        assert link.recv(1000) == b"3"
    assert os.read(reports_in, 1000) == b"work done\n"
    for descriptor in (reports_in, process):
        os.close(descriptor)


def test_warm_up_refuses_to_fork_a_process_of_several_threads() -> None:
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    try:
        assert "more threads" in str(warm_up())
    finally:
        stop.set()
        thread.join()


def test_warm_up_tells_what_could_not_be_built(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fork_server, "build", lambda *_: 1 / 0)
    assert warm_up() == "the model to begin with could not be built (ZeroDivisionError: division by zero)"
