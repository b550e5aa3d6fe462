"""How the programs begin: loading one takes a moment, in which Ctrl-C ends it without a word.

Python would print where in the loading it was interrupted. From its first own line on a program sees to Ctrl-C itself.
"""

import signal
from importlib import import_module
from types import ModuleType


def load(name: str) -> ModuleType:
    """Import a program's main module. Ctrl-C meanwhile ends the process, as a shell expects it: by the signal."""
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.default_int_handler:
        return import_module(name)  # whoever started it has it ignored, as of what runs in the background
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    module = import_module(name)
    signal.signal(signal.SIGINT, before)
    return module
