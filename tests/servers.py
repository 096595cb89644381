"""Real servers for tests: our own embedding, and Debian's redis-server from its packages."""

import fcntl
import socket

from workers.service import libraries
from workers.service.embedded import HOST


def say(port: int, *command: str) -> bytes:
    """One command to a Redis, without a client: the first bytes of its answer."""
    with socket.create_connection((HOST, port), timeout=10) as link:
        link.sendall((" ".join(command) + "\r\n").encode())
        return link.recv(4096)


def debian_redis() -> list[str]:
    """Command that starts Debian's redis-server (7.0, with TLS), fetched without root into the cache."""
    return _debian("redis-server")


def debian_redis_cli() -> list[str]:
    """Command that starts Debian's redis-cli."""
    return _debian("redis-cli")


def _debian(program: str) -> list[str]:
    root = libraries.cache() / "debian-redis"
    root.parent.mkdir(parents=True, exist_ok=True)
    binary = root / "usr" / "bin" / program
    with root.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not binary.exists() or libraries.missing(str(binary), root):
            libraries.fetch(["redis-server", "redis-tools"], root, wanted_by="tests")
    return ["/usr/bin/env", f"LD_LIBRARY_PATH={libraries.library_path(root)}", str(binary)]
