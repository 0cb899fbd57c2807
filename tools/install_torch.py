"""Installation of the PyTorch build for CPUs, before everything else is installed.

On Linux x86-64 the Python package index has a build that brings gigabytes of GPU libraries; PyTorch's own index has one
for CPUs. Only torch is taken from there, so that no other package depends on which index answered. Needs nothing but
pip, since it runs in a virtual environment that is still empty.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import platform
import re
import subprocess
import sys
import threading
from pathlib import Path
from urllib.request import urlopen

LOCK = Path("requirements.lock")
PROBE_SECONDS = 4.0
"""How long an index may take to answer; a longer time only makes offline installs slower."""


def main(arguments: list[str] | None = None) -> int:
    """Install torch from an index, where there is a reason to; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    choice = parser.add_mutually_exclusive_group(required=True)
    choice.add_argument("--default", metavar="INDEX", help="take it on Linux x86-64, if it can be reached")
    choice.add_argument("--index", metavar="INDEX", help="take it in any case; empty: pip's own choice")
    options = parser.parse_args(arguments)
    version = locked_version(LOCK.read_text(encoding="utf-8"))
    if options.index is not None:
        return install_from(options.index, version) if options.index else _say("pip's own choice, as TORCH_INDEX says")
    if is_installed(version):
        return _say(f"{importlib.metadata.version('torch')} is installed")
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        return _say("pip's own choice, which is for CPUs on this platform")
    if not offers(options.default, version):
        return _say(f"pip's own choice, which may bring GPU libraries: {options.default} cannot be reached")
    if install_from(options.default, version):
        return _say(f"pip's own choice, which may bring GPU libraries: {options.default} has no build for this Python")
    return 0


def locked_version(lock: str) -> str:
    """Return the version of torch that a lock file names."""
    found = re.search(r"^torch==(\S+)$", lock, re.MULTILINE)
    if found is None:
        raise SystemExit(f"{LOCK} names no version of torch")
    return found[1]


def is_installed(version: str) -> bool:
    """Tell whether some build of that version is installed already."""
    try:
        return importlib.metadata.version("torch").partition("+")[0] == version
    except importlib.metadata.PackageNotFoundError:
        return False


def offers(index: str, version: str, seconds: float = PROBE_SECONDS) -> bool:
    """Ask an index whether it lists a CPU build of that version; False when it does not answer in time.

    A thread asks, since a name server that does not answer keeps a lookup waiting beyond any timeout of a socket.
    """
    pages: list[str] = []

    def ask() -> None:
        try:
            with urlopen(f"{index.rstrip('/')}/torch/", timeout=seconds) as answer:
                pages.append(answer.read().decode(errors="replace"))
        except (OSError, ValueError):
            pass

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(seconds)
    return any(f"torch-{version}{plus}cpu" in page for page in pages for plus in ("+", "%2B"))


def install_from(index: str, version: str) -> int:
    """Install torch, without what it depends on, from an index; return pip's exit status."""
    _say(f"{version}, from {index}")
    pip = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check"]
    return subprocess.run([*pip, "--no-deps", "--index-url", index, f"torch=={version}"]).returncode


def _say(choice: str) -> int:
    print(f"torch: {choice}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
