"""One server process of several: `python -m app.server.member DESCRIPTOR` serves on the socket that all of them share.

It ends in order when its standard input ends, as at SIGTERM. How to serve, `server` knows.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from functools import partial

from app.core.process_tuning import import_without_gc
from app.core.settings import Settings, log_to_stderr
from app.server.supervisor import call_at_eof


def main() -> None:
    """Serve on the socket whose descriptor is the argument, by the settings of the environment."""
    settings = Settings()
    log_to_stderr(settings)
    module = import_without_gc("app.server.server")
    stop = partial(os.kill, os.getpid(), signal.SIGTERM)
    with socket.socket(fileno=int(sys.argv[1])) as listener:
        threading.Thread(target=call_at_eof, args=(stop,), daemon=True).start()
        module.Server(settings).serve_on(listener, module.SHARED_ACCEPTS_PER_TURN)


if __name__ == "__main__":
    main()
