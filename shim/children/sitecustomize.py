"""Loaded by every Python that the evaluator starts: the candidate's modules are stand-ins there too."""

import os
import sys

if "WHETSTONE_SHIM_CANDIDATE" in os.environ:
    _shim = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    sys.path.insert(0, _shim)
    from whetstone_shim import channel, packages, standin

    sys.path.remove(_shim)
    standin.install(channel.Guest(), os.environ["WHETSTONE_SHIM_LAB"], os.environ["WHETSTONE_SHIM_CANDIDATE"])
    packages.install()
