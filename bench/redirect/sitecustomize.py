"""Imported by every Python whose PYTHONPATH names this folder: sends downloads to a server of this machine.

The source under test stays as it is: only the two addresses change, once textrnn.corpus.sms_spam is loaded.
"""

import importlib.util
import os
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType


class Redirect:
    """Finds textrnn.corpus.sms_spam as the next finder would, and changes its addresses after it has run."""

    def find_spec(self, name: str, _path: Sequence[str] | None, _target: ModuleType | None = None) -> ModuleSpec | None:
        """Return the spec of the one module meant, as importlib wants it; None for any other."""
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
