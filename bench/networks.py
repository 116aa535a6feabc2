"""A network for each of several processes on one machine, joined by a bridge: each has an address, like a host."""

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

PORT, BRIDGE = 23456, "textrnn"


@contextmanager
def networks(count: int) -> Iterator[list[tuple[list[str], str]]]:
    """Yield, for each worker, the prefix of its command and its address in a network of its own.

    Without the right to make networks, the workers share the loopback interface.
    """

    def ip(*words: str) -> None:
        subprocess.run(["ip", *words], check=True, capture_output=True)  # noqa: S607

    with ExitStack() as stack:
        try:
            ip("link", "add", BRIDGE, "type", "bridge")
            stack.callback(ip, "link", "del", BRIDGE)
            ip("link", "set", BRIDGE, "up")
            for number in range(count):
                name, host = f"{BRIDGE}{number}", f"10.77.0.{number + 1}"
                ip("netns", "add", name)
                stack.callback(ip, "netns", "del", name)
                ip("link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", name)
                ip("link", "set", name, "master", BRIDGE, "up")
                ip("-n", name, "addr", "add", f"{host}/24", "dev", "eth0")
                for device in ("lo", "eth0"):
                    ip("-n", name, "link", "set", device, "up")
        except (OSError, subprocess.CalledProcessError):
            yield [([], f"127.0.0.1:{PORT + number}") for number in range(count)]
        else:
            within = ["ip", "netns", "exec"]
            yield [([*within, f"{BRIDGE}{number}"], f"10.77.0.{number + 1}:{PORT}") for number in range(count)]
