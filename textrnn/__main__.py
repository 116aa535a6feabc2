"""The command `textrnn`, which is also `python -m textrnn`."""

import os
import sys
from pkgutil import resolve_name

import textrnn
from textrnn.core.errors import end_in_one_line, run

COMMANDS = {  # the function of each, loaded when it is called, and what it does
    "predict": ("textrnn.cli.predict:main", "classify messages with a trained model"),
    "serve": ("textrnn.serving.server:main", "answer over HTTP"),
    "drift": ("textrnn.drift.__main__:main", "say whether messages have moved away from those of the test"),
    "adopt": ("textrnn.cli.adopt:main", "set a clone of textrnn's repository to a file of your own"),
}


def usage() -> str:
    """Return what --help prints."""
    lines = (f"  {name:<9}{what}" for name, (_, what) in COMMANDS.items())
    return "\n".join(["usage: textrnn COMMAND ...", "", *lines, "", "textrnn COMMAND --help says more of a command."])


def main() -> None:
    """Run the command that the command line names."""
    name, *arguments = sys.argv[1:] or ["--help"]
    if name in ("-h", "--help"):
        print(usage())
    elif name == "--version":
        print(f"textrnn {textrnn.__version__}")
    elif name in COMMANDS:
        sys.argv = [f"textrnn {name}", *arguments]  # what argparse calls the program
        resolve_name(COMMANDS[name][0])()
    else:
        print(f"{usage()}\ntextrnn: error: expected a command, found {name!r}", file=sys.stderr)
        sys.exit(2)


def start() -> int:
    """Run the command, and return its exit code."""
    end_in_one_line()  # before the imports that take long
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # else it looks through all installed packages
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # else NumPy starts threads, which nothing here needs
    return run(main)


if __name__ == "__main__":
    sys.exit(start())
