"""Every Python with this folder on its PYTHONPATH imports this file, which sends downloads to a server on this machine.

The code under test stays as it is: only two addresses change, after textrnn.corpus.sms_spam has been loaded.
"""

import importlib.util
import os
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType


class Redirect:
    """Find textrnn.corpus.sms_spam as the next finder would, and change its addresses after it has run."""

    def find_spec(self, name: str, _path: Sequence[str] | None, _target: ModuleType | None = None) -> ModuleSpec | None:
        """Return the spec of that module for importlib, and None for any other."""
        if name != "textrnn.corpus.sms_spam":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        assert spec
        assert spec.loader
        load = spec.loader.exec_module

        def load_and_redirect(module: ModuleType) -> None:
            load(module)
            addresses = {each: os.environ[f"REDIRECT_{each}"] for each in ("ARCHIVE_URL", "MIRROR_URL")}
            vars(module).update(addresses)

        vars(spec.loader)["exec_module"] = load_and_redirect
        return spec


sys.meta_path.insert(0, Redirect())
