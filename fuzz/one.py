"""Fuzz one target in this process, as `python -m fuzz` does for each; libFuzzer ends the process by itself.

Run     python -m fuzz.one tokenize FILE          to try the input in FILE once more
        python -m fuzz.one tokenize -runs=1000    to search; -help=1 names libFuzzer's other flags
"""

import sys

import atheris

PROJECT = ["fuzz", "predict", "stages", "textrnn"]
READERS = {"array": ["numpy.lib"], "params": ["ruamel.yaml"], "zip": ["zipfile"]}  # which a target leaves its input to

if __name__ == "__main__":
    program, name, *flags = sys.argv
    with atheris.instrument_imports(include=PROJECT + READERS.get(name, [])):
        from fuzz.targets import TARGETS
    atheris.Setup([program, *flags], TARGETS[name].check)
    atheris.Fuzz()
