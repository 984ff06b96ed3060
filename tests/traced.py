"""What a program and all that it starts ask for beyond this machine, in whatever language they are written.

The watch of `offline/sitecustomize.py` is Python's own, and sees nothing of W&B's process, which is Go's.
This one is the kernel's, by strace, and only where that may trace.
"""

import functools
import ipaddress
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

_STRACE = (
    "strace", "--follow-forks", "--seccomp-bpf", "--quiet=all", "--signal=none",
    "--trace=connect,sendto,sendmsg,sendmmsg",
)  # fmt: skip
_ADDRESS = re.compile(
    r'sin6?_port=htons\((?P<port>\d+)\).*?(?:inet_addr\(|inet_pton\(AF_INET6, )"(?P<host>[^"]+)"'
)
#: Where names are looked up: a server's port, which may be on this machine, and a service's socket.
_DNS, _RESOLVER = 53, "/systemd/resolve/"


def traced(trace: Path) -> list[str]:
    """The words before a program's with which its calls are written to `trace`; none where that cannot be."""
    return [*_STRACE, f"--output={trace}"] if not why_not() else []


@functools.cache
def why_not() -> str:
    """Why programs cannot be traced here; '' if they can."""
    if shutil.which(_STRACE[0]) is None:
        return "strace is missing"
    tried = subprocess.run(
        [*_STRACE, "--output=/dev/null", "true"], capture_output=True, text=True, check=False
    )
    return f"strace may not trace here: {tried.stderr.strip()}" if tried.returncode else ""


def beyond(trace: Path) -> Iterator[str]:
    """The calls in a trace that lead away from this machine, or look up a name, which may be elsewhere."""
    for line in trace.read_text(encoding="utf-8", errors="replace").splitlines() if trace.exists() else ():
        places = [(match["host"], int(match["port"])) for match in _ADDRESS.finditer(line)]
        if _RESOLVER in line or any(leads_away(*place) for place in places):
            yield line


def leads_away(host: str, port: int) -> bool:
    """Whether an address of the kernel's is another machine's, or one where names are looked up.

    Port 0 is nobody's: so the C library asks for the way to an address, and sends nothing.
    """
    address = ipaddress.ip_address(host)
    address = getattr(address, "ipv4_mapped", None) or address
    return port == _DNS or (port != 0 and not (address.is_loopback or address.is_unspecified))
