"""The scorer's side: runs an evaluator of another tool and tells Whetstone the metrics that it returns.

Usage: whetstone_scorer.py [--in-process] --metric NAME [--program PATH] openevolve|shinka|gepa|python TARGET
"""

import argparse
import json
import os
import sys

# A pool of spawned processes reads this file again, with another search path: the shim is there by then.
if __name__ == "__main__":
    from whetstone_shim import channel, forms, packages, standin

    # The evaluator's imports are to be found as its own tool would find them.
    sys.path.remove(os.path.dirname(os.path.abspath(__file__)))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--in-process", action="store_true")
    parser.add_argument("--metric", required=True)
    parser.add_argument("--program")
    parser.add_argument("kind", choices=["openevolve", "shinka", "gepa", "python"])
    parser.add_argument("target")
    options = parser.parse_args()
    candidate = os.environ["CANDIDATE"]
    program = program_of(candidate, options)
    if options.in_process:
        output = os.fdopen(os.dup(1), "w", encoding="utf-8")
        os.dup2(2, 1)
        packages.install()
        end(lambda frame: print(json.dumps(frame), file=output, flush=True), evaluate(options, program))
    pipe = channel.Channel()
    standin.install(pipe, os.getcwd(), candidate)
    packages.install()
    frame = evaluate(options, program)
    if pipe.refusal is not None:
        frame = pipe.refusal
    end(pipe.finish, frame)


def end(say, frame):
    """Threads that the evaluator no longer waits for are left behind."""
    if isinstance(frame, str):
        sys.stderr.write(frame + "\n")
    else:
        say(frame)
    sys.stderr.flush()
    os._exit(1 if isinstance(frame, str) else 0)


def evaluate(options, program):
    """The frame for Whetstone, or in words why there is none."""
    try:
        result = getattr(forms, options.kind)(options.target, program)
        return {"metrics": forms.metrics(result, options.metric)}
    except forms.Incorrect as error:
        sys.stderr.write("the evaluator says that the program is not correct: %s\n" % error)
        return {"refused": True}
    except SystemExit as error:
        return "the evaluator ended by itself: %s" % error
    except BaseException as error:
        import traceback

        traceback.print_exc()
        return "%s: %s" % (type(error).__name__, error)


def program_of(candidate, options):
    """The file that the evaluator is given; for GEPA all editable texts by name where there are several."""
    if options.program is not None:
        path = os.path.join(candidate, options.program)
        if not os.path.isfile(path):
            sys.exit("the program %s is none of the editable files" % options.program)
        return path
    files = sorted(os.path.join(top, name) for top, _, names in os.walk(candidate) for name in names)
    python = [path for path in files if path.endswith(".py")]
    chosen = files if options.kind == "gepa" or not python else python
    if len(chosen) == 1:
        return chosen[0]
    if not chosen:
        sys.exit("there is no editable file for the evaluator")
    if options.kind == "gepa":
        return {os.path.relpath(path, candidate): path for path in chosen}
    names = ", ".join(os.path.relpath(path, candidate) for path in chosen)
    sys.exit("several files may change (%s): name the one for the evaluator, `program: %s`" % (names, names.split(", ")[0]))


if __name__ == "__main__":
    main()
