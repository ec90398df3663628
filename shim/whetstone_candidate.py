"""The candidate's side: answers an evaluator's calls of the candidate's functions, in a process of the candidate's own.

Whatever the candidate does to this process, it can only change its own answers. Its prints go to standard error.
"""

import importlib.machinery
import importlib.util
import json
import os
import sys
import types

_shim = os.path.dirname(os.path.abspath(__file__))
if sys.path[0] != _shim:
    sys.path.insert(0, _shim)
from whetstone_shim import carry  # noqa: E402

# The candidate is to import its own modules, as it does without the shim.
sys.path.remove(_shim)

#: Characters of all values of a module together that are handed over when it is loaded.
VALUES = 8 * 2**20

#: The flag of a code object that is a coroutine's.
ASYNC = 128

_modules = []


def main():
    questions = os.fdopen(os.dup(0), "r", encoding="utf-8")
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    say(answers, {"ready": True})
    for line in questions:
        frame = json.loads(line)
        said = answer(frame["ask"])
        try:
            say(answers, {"id": frame["id"], "answer": said})
        except carry.Uncarried as error:
            give_up(error)


def say(stream, frame):
    stream.write(carry.line(frame))
    stream.flush()


def answer(question):
    try:
        return {"load": load, "call": call, "script": script}[question["op"]](question)
    except carry.Uncarried as error:
        give_up(error)
    except BaseException as error:
        import traceback

        traceback.print_exc()
        return {"error": {"type": type(error).__name__, "text": text_of(error)}}


def give_up(error):
    """No score can come of it, and whoever proposed the change must read why."""
    sys.stderr.write("%s, which cannot be handed to the evaluator: only plain data can (docs/evaluators.md)\n" % error)
    sys.stderr.flush()
    os._exit(1)


def text_of(error):
    try:
        return str(error)[:2000]
    except BaseException:
        return ""


def load(question):
    path = os.path.abspath(question["path"])
    folder = os.path.dirname(path)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    name = question["name"]
    # Whatever it is called: the evaluator takes its text for a program.
    loader = importlib.machinery.SourceFileLoader(name, path)
    spec = importlib.util.spec_from_file_location(name, path, loader=loader)
    module = importlib.util.module_from_spec(spec)
    # Dataclasses and pickle look a class's module up here.
    if name != "__main__":
        sys.modules[name] = module
    spec.loader.exec_module(module)
    _modules.append(module)
    return {"module": len(_modules) - 1, "names": names_of(module)}


def names_of(module):
    left = VALUES
    found = {}
    for name, value in list(vars(module).items()):
        if not isinstance(name, str) or (name.startswith("__") and name.endswith("__")):
            continue
        if isinstance(value, types.ModuleType):
            continue
        if isinstance(value, type):
            found[name] = ["k", carry.described(value)]
        elif callable(value):
            is_async = isinstance(value, types.FunctionType) and bool(value.__code__.co_flags & ASYNC)
            found[name] = ["f", parameters(value), is_async]
        else:
            try:
                packed = carry.pack(value)
                left -= len(json.dumps(packed))
                found[name] = ["v", packed] if left > 0 else ["k", "the data of more than 8 MB in %s" % name]
            except carry.Uncarried:
                found[name] = ["k", carry.described(value)]
    return found


def parameters(function):
    """Name, kind and whether it has a default, for evaluators that look before they call; None where nothing is known."""
    if not isinstance(function, types.FunctionType):
        return None
    code, defaults = function.__code__, len(function.__defaults__ or ())
    plain = code.co_varnames[: code.co_argcount]
    found = [
        [name, 0 if index < code.co_posonlyargcount else 1, index >= len(plain) - defaults]
        for index, name in enumerate(plain)
    ]
    after = code.co_argcount + code.co_kwonlyargcount
    if code.co_flags & 4:
        found.append([code.co_varnames[after], 2, False])
        after += 1
    for name in code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]:
        found.append([name, 3, name in (function.__kwdefaults__ or {})])
    if code.co_flags & 8:
        found.append([code.co_varnames[after], 4, False])
    return found


def call(question):
    function = getattr(_modules[question["module"]], question["name"])
    args = [carry.unpack(each) for each in question["args"]]
    kwargs = {name: carry.unpack(each) for name, each in question["kwargs"].items()}
    result = function(*args, **kwargs)
    if isinstance(result, types.CoroutineType):
        import asyncio

        result = asyncio.run(result)
    try:
        packed = carry.pack(result)
    except carry.Uncarried as error:
        raise carry.Uncarried("%s() returned %s" % (question["name"], error)) from None
    if result is not None:
        return {"value": packed}
    # A function that returns nothing works on what it was given: `sort(numbers)`.
    return {"value": packed, "args": [left(each) for each in args], "kwargs": {name: left(kwargs[name]) for name in kwargs}}


def left(argument):
    return carry.pack(argument) if carry.is_mutable(argument) else None


def script(question):
    """The program as a command of its own: what it printed and how it ended."""
    import subprocess

    command = [sys.executable, os.path.abspath(question["path"])] + question["args"]
    ended = subprocess.run(command, input=carry.unpack(question["input"]), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    return {"code": ended.returncode, "stdout": carry.pack(ended.stdout), "stderr": carry.pack(ended.stderr)}


if __name__ == "__main__":
    main()
