"""How each tool calls its evaluator, and which numbers of the answer are metrics."""

import importlib
import importlib.util
import json
import math
import os
import re
import sys
import types

_name = re.compile(r"[A-Za-z_][\w./-]{0,63}\Z", re.ASCII)


class Incorrect(Exception):
    """The evaluator says that the program is wrong, whatever its score."""


def openevolve(target, program):
    """`evaluate(path)`; an evaluator that has stages only: each in turn, the later ones' metrics over the earlier's."""
    module = _module(target)
    if hasattr(module, "evaluate"):
        return _result(module.evaluate(program))
    stages = [getattr(module, "evaluate_stage%d" % each, None) for each in (1, 2, 3)]
    if not any(stages):
        raise SystemExit("%s has neither evaluate() nor evaluate_stage1()" % target)
    found = {}
    for stage in stages:
        if stage is not None:
            found.update(_numbers(_result(stage(program))))
    return found


def shinka(target, program):
    """The script with `--program_path` and `--results_dir`, which leaves metrics.json and correct.json."""
    import runpy
    import tempfile

    folder = tempfile.mkdtemp(prefix="results-")
    before = sys.argv[:]
    sys.argv[:] = [target, "--program_path", program, "--results_dir", folder]
    sys.path.insert(0, os.path.dirname(os.path.abspath(target)))
    try:
        runpy.run_path(os.path.abspath(target), run_name="__main__")
    except SystemExit as end:
        if end.code not in (None, 0):
            sys.stderr.write("%s ended with %s\n" % (target, end.code))
    finally:
        sys.argv[:] = before
    correct = _json(folder, "correct.json")
    metrics = _json(folder, "metrics.json")
    if not isinstance(metrics, dict):
        raise SystemExit("%s left no metrics.json in its --results_dir" % target)
    if isinstance(correct, dict) and correct.get("correct") is not True:
        raise Incorrect(str(correct.get("error")))
    return metrics


def gepa(target, program):
    """`evaluator(candidate)`, or `evaluator(candidate, example)` once for each example of the module's `dataset`."""
    import inspect

    module, function = _function(target)
    candidate = _candidate(program)
    parameters = inspect.signature(function).parameters
    more = {"opt_state": None} if "opt_state" in parameters else {}
    if "example" not in parameters:
        return _result(function(candidate, **more))
    names = ("dataset", "valset", "trainset", "examples")
    examples = next((getattr(module, name) for name in names if hasattr(module, name)), None)
    if examples is None:
        if parameters["example"].default is inspect.Parameter.empty:
            raise SystemExit("%s wants examples, and its module has none of %s" % (target, ", ".join(names)))
        return _result(function(candidate, **more))
    scores = [_result(function(candidate, example=example, **more)) for example in (examples() if callable(examples) else examples)]
    if not scores:
        raise SystemExit("the module of %s has no examples" % target)
    return _means([_numbers(score) for score in scores])


def python(target, program):
    _, function = _function(target)
    return _result(function(program))


def _means(each):
    """The mean of every metric that all examples have."""
    names = [name for name in each[0] if all(name in one for one in each)]
    return {name: math.fsum(one[name] for one in each) / len(each) for name in names}


def metrics(result, wanted):
    """The numbers of a result by name. The metric: the number of that name, `combined_score`, or the only number."""
    found = _numbers(result)
    if wanted not in found:
        for name in ("combined_score", "score"):
            if name in found:
                found[wanted] = found[name]
                break
    return {name: value if math.isfinite(value) else None for name, value in found.items()}


def _numbers(result):
    if isinstance(result, dict):
        inner = result.get("metrics")
        if isinstance(inner, dict):
            result = {**result, **inner}
        found = {}
        for name, value in result.items():
            number = _number(value)
            if number is not None and isinstance(name, str) and _name.match(name):
                found[name] = number
        return found
    number = _number(result)
    return {} if number is None else {"score": number}


def _number(value):
    if isinstance(value, (bool, int, float)) or type(value).__module__ == "numpy":
        try:
            return float(value)
        except OverflowError:
            return math.inf
        except (TypeError, ValueError):
            return None
    return None


def _result(value):
    if isinstance(value, types.CoroutineType):
        import asyncio

        value = asyncio.run(value)
    if isinstance(getattr(value, "metrics", None), dict):
        return value.metrics
    if isinstance(value, tuple) and value:
        # A score and what is to be learnt from it.
        info = value[1] if len(value) > 1 and isinstance(value[1], dict) else {}
        scores = info.get("scores")
        return {**(scores if isinstance(scores, dict) else {}), "score": _number(value[0])}
    return value


def _candidate(program):
    """One text, or texts by name where several files may change."""
    if isinstance(program, str):
        with open(program, encoding="utf-8") as stream:
            return stream.read()
    return {name: _candidate(path) for name, path in program.items()}


def _function(target):
    place, _, name = target.rpartition(":")
    if not place:
        raise SystemExit("%s names no function: write %s:evaluate" % (target, target))
    module = _module(place) if place.endswith(".py") else _named(place)
    function = module
    for part in name.split("."):
        if not hasattr(function, part):
            raise SystemExit("%s has no %s" % (place, name))
        function = getattr(function, part)
    return module, function


def _named(name):
    sys.path.insert(0, os.getcwd())
    return importlib.import_module(name)


def _module(path):
    """The evaluator's module, under its own name, with its folder on the path as other tools have it."""
    path = os.path.abspath(path)
    if not os.path.isfile(path):
        raise SystemExit("the evaluator %s is not there" % path)
    sys.path.insert(0, os.path.dirname(path))
    name = os.path.splitext(os.path.basename(path))[0]
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _json(folder, name):
    try:
        with open(os.path.join(folder, name), encoding="utf-8") as stream:
            return json.load(stream)
    except (OSError, ValueError):
        return None
