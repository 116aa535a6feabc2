"""The command `textrnn serve`: it answers over HTTP until it is interrupted or terminated."""

import argparse
import os
import socket
import sys
from contextlib import suppress
from pathlib import Path

from textrnn.core.errors import UserError, note, say
from textrnn.core.files import read_text
from textrnn.inference import classifier

TOKEN = "TEXTRNN_TOKEN"  # noqa: S105  # the name of the environment variable
EPILOG = f"""\
POST /predict {{"texts": ["…"]}} answers {{"answers": [{{"label": "…", "probability": …}}]}};
GET /health, GET /metrics (Prometheus), GET /openapi.json; GET / explains them.

If the environment variable {TOKEN} is set, or --token-file, /predict and
/metrics need the header Authorization: Bearer TOKEN.

exit code: 0 once it was interrupted or terminated, and has answered what had
come; 1 after an error, which one line explains; 2 for a wrong command line
"""


def arguments() -> argparse.Namespace:
    """Return the command line."""
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        description="Answer over HTTP.", epilog=EPILOG, formatter_class=form, allow_abbrev=False
    )
    add = parser.add_argument
    add("model", nargs="?", type=Path, default=Path("model"), metavar="DIR", help="default: model/")
    add("--host", default="127.0.0.1", help="the address to listen on; default: 127.0.0.1, this machine alone")
    add("--port", type=int, default=8080, metavar="PORT", help="default: 8080; 0 for any that is free")
    add("--token-file", type=Path, metavar="FILE", help="a file whose content is the token")
    add("--max-body", type=positive, default=1 << 20, metavar="BYTES", help="of a request; default: 1048576")
    add("--max-texts", type=positive, default=1_000, metavar="N", help="of a request; default: 1000")
    add("--max-requests", type=positive, default=100, metavar="N", help="that wait at the same time; default: 100")
    seconds = "for a request to come, and for its answer; default: 30"
    add("--timeout", type=positive, default=30, metavar="SECONDS", help=seconds)
    return parser.parse_args()


def positive(text: str) -> int:
    """Return a whole number of at least 1."""
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def token_of(path: Path | None) -> str | None:
    """Return the token of the file, or of the environment, or None if there is neither. Raises UserError."""
    found = read_text(path) if path else os.environ.get(TOKEN)
    if found is None:
        return None
    token, where = found.strip(), path or TOKEN
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise UserError(f"expected a token of printable ASCII characters without blanks in {where}, found another text")
    return token


def bound(host: str, port: int) -> socket.socket:
    """Return a socket that listens. Raises UserError, which says what to do."""
    try:
        if not 0 <= port < 1 << 16:  # else the lowest 16 bits of it would count
            raise OverflowError("ports are 0 to 65535")
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        found = socket.create_server(address[:2], family=family, backlog=1_000)
        # asyncio asks for this only where it has made the socket; without it, a client waits 40 ms for each answer.
        found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return found
    except (OSError, OverflowError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise UserError(
            f"expected an address to listen on, found {host}, port {port} ({why}): choose another by --port or --host"
        ) from None


def main() -> None:
    """Answer until SIGINT or SIGTERM comes, and then what has come before it."""
    given = arguments()
    try:
        from textrnn.serving import app, connections  # noqa: PLC0415  # --help needs none of their packages
    except ModuleNotFoundError as error:
        raise UserError(
            f"expected the packages of requirements-serve.txt, found no {error.name} in {sys.prefix}: install them "
            "(pip install -r requirements-serve.txt), or textrnn with its extra `serve`"
        ) from None
    limits = app.Limits(given.max_body, given.max_texts, given.max_requests, given.timeout)
    token, model = token_of(given.token_file), classifier.load(given.model)
    server = connections.server(app.application(model, limits, token), given.timeout)
    with bound(given.host, given.port) as listening:
        host, port = listening.getsockname()[:2]
        if token is None and not host.startswith(("127.", "::1")):
            note(f"anyone who can reach {host} can ask: set {TOKEN} or --token-file, and only those with the token can")
        say(f"textrnn answers at http://{f'[{host}]' if ':' in host else host}:{port}/ until Ctrl-C")
        with suppress(KeyboardInterrupt):  # which uvicorn raises again when it has ended
            server.run(sockets=[listening])
