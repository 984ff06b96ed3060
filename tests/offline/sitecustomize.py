"""Every connection beyond this machine is refused, and leaves a mark in the file that NETWORK_MARK names.

Python imports a module of this name when it starts, so that a process that finds this folder in its
PYTHONPATH is watched from its first line, and so is every process that it starts. conftest.py runs it for
the tests themselves.
"""

import os
import socket
import sys
from pathlib import Path
from typing import Any

_LOCAL = {"", "localhost", "localhost.localdomain", "ip6-localhost", "::", "::1", "0.0.0.0"}


def stays_here(host: Any) -> bool:
    """Whether a host is this machine; what is no name or address of one (a path, a number) is."""
    if isinstance(host, bytes):
        host = host.decode(errors="replace")
    if not isinstance(host, str):
        return True
    return host in _LOCAL or host.startswith("127.") or host == socket.gethostname()


def refuse(event: str, arguments: tuple[Any, ...]) -> None:
    """The hook: raises for what leads away, once it has left its mark."""
    if event in ("socket.connect", "socket.sendto"):
        address = arguments[1]
        host = address[0] if isinstance(address, tuple) and address else None
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        host = arguments[0]
    else:
        return
    if stays_here(host):
        return
    if mark := os.environ.get("NETWORK_MARK"):
        with Path(mark).open("a", encoding="utf-8") as file:
            print(event, host, sys.argv, file=file)
    raise OSError(f"{event}: {host!r} is beyond this machine, where no test goes")


if not hasattr(sys, "_watched_connections"):
    sys._watched_connections = True  # type: ignore[attr-defined]
    sys.addaudithook(refuse)
