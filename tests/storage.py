"""Where DVC can push to: OpenSSH's server, one that speaks S3, and a plain folder. All real, on 127.0.0.1."""

import getpass
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.server import closed_port
from tests.workspace import wait_for
from textrnn.training.distributed.cluster import answers

ACCESS_KEY, SECRET_KEY = "anna-of-the-team", secrets.token_hex(20)


class Storage(NamedTuple):
    """A remote to push to."""

    folder: Path  # where it stores what was pushed
    stands_for: dict[str, str]  # names in docs/sharing.md, and what replaces them here
    stranger: dict[str, str]  # the same for a user whom it does not know


@contextmanager
def listening(port: int, log: Path, *command: str) -> Iterator[None]:
    """Run a server during the block, which begins once it listens at `port`."""
    with log.open("wb") as said, subprocess.Popen(command, stdout=said, stderr=said) as process:
        try:
            wait_for(lambda: process.poll() is not None or answers(f"127.0.0.1:{port}"))
            assert process.poll() is None, log.read_text("utf-8")
            yield
        finally:
            process.terminate()


SSHD = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host
AuthorizedKeysFile {folder}/user.pub
AuthenticationMethods publickey
PidFile none
StrictModes no
UsePAM no
Subsystem sftp internal-sftp
"""


@contextmanager
def ssh(folder: Path) -> Iterator[Storage]:
    """Run OpenSSH's server as the current user, with its own keys. Skip the test if it is not installed."""
    # An absolute path, since it starts itself again for each connection; /usr/sbin is on root's PATH only.
    sshd = shutil.which("sshd", path=os.pathsep.join([os.environ["PATH"], "/usr/sbin", "/usr/local/sbin"]))
    if not sshd or not shutil.which("ssh-keygen"):
        pytest.skip("no sshd is installed: apt-get install openssh-server")
    if sys.platform != "win32" and os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # root's server wants it, and a system's start would have made it
    for key in ("host", "user", "stranger"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / key], check=True)  # noqa: S607
    port = closed_port()
    (folder / "config").write_text(SSHD.format(port=port, folder=folder), "utf-8")
    with listening(port, folder / "log", sshd, "-D", "-e", "-f", str(folder / "config")):
        stands_for = {
            "ssh://files.example.org/srv/textrnn": f"ssh://127.0.0.1:{port}{folder}/kept",
            "anna": getpass.getuser(),
            "~/.ssh/id_ed25519": f"{folder}/user",
        }
        yield Storage(folder / "kept", stands_for, stands_for | {"~/.ssh/id_ed25519": f"{folder}/stranger"})


@contextmanager
def s3(folder: Path) -> Iterator[Storage]:
    """Run a server with one bucket and one user, who must sign every request."""
    (folder / "buckets/textrnn").mkdir(parents=True)
    port = closed_port()
    command = ["rclone", "serve", "s3", "--config", os.devnull, "--addr", f"127.0.0.1:{port}"]
    user = ["--auth-key", f"{ACCESS_KEY},{SECRET_KEY}", str(folder / "buckets")]
    with listening(port, folder / "log", *command, *user):
        stands_for = {
            "https://minio.example.org": f"http://127.0.0.1:{port}",
            "ACCESS-KEY": ACCESS_KEY,
            "SECRET-KEY": SECRET_KEY,
        }
        yield Storage(folder / "buckets/textrnn/shared", stands_for, stands_for | {"SECRET-KEY": "guessed"})


@contextmanager
def shared_folder(folder: Path) -> Iterator[Storage]:
    """Use a folder, which knows no users."""
    stands_for = {"/mnt/team/textrnn": f"{folder}/kept"}
    yield Storage(folder / "kept", stands_for, stands_for)


# By the sections of docs/sharing.md.
STORAGES: dict[str, Callable[[Path], AbstractContextManager[Storage]]] = {
    "Over SSH": ssh,
    "In a bucket": s3,
    "In a shared folder": shared_folder,
}
