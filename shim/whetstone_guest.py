"""`python whetstone_guest.py script.py ...`: a script that the evaluator starts; the stand-ins are there already."""

import os
import sys

if __name__ == "__main__":
    from whetstone_shim import standin

    standin.run_guest(sys.argv[1], sys.argv[2:])
