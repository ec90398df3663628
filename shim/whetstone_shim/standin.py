"""Stand-ins for the candidate's modules: their functions call the candidate in its own process.

The candidate's text never runs here. Every way in which evaluators load a program ends in this file: the import system,
runpy, exec() and compile() of its text, and `python program.py`. What would run its text all the same is refused.
"""

import ast
import builtins
import importlib.machinery
import os
import subprocess
import sys
import types

from . import carry

#: Set by `install`.
_state = None

_remedy = "write `inProcess: true` below `score` to run the evaluator as it is, self-reported (docs/evaluators.md)"


class Refused(Exception):
    """What the shim cannot stand in for. No score comes of it, even when the evaluator catches it."""


class CandidateError(Exception):
    """An exception of the candidate's that is none of Python's own."""


class _State:
    def __init__(self, channel, lab, candidate):
        self.channel = channel
        self.lab = os.path.realpath(lab)
        self.candidate = os.path.realpath(candidate)
        self.loading = 0
        #: Path relative to the lab -> text.
        self.texts = {}
        for folder, _, names in os.walk(self.candidate):
            for name in names:
                path = os.path.join(folder, name)
                try:
                    with open(path, encoding="utf-8") as stream:
                        self.texts[os.path.relpath(path, self.candidate)] = stream.read()
                except (OSError, UnicodeDecodeError):
                    pass
        self.programs = {path: text for path, text in self.texts.items() if text.strip()}
        self.lines = {line for text in self.programs.values() for line in _telling(text)}
        self.codes = set()
        for text in self.programs.values():
            try:
                self.codes.update(_functions(compile(text, "candidate", "exec", dont_inherit=True)))
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                pass

    def program_at(self, path):
        """The candidate's file that a path means: in $CANDIDATE, or where the lab has it. None for all others."""
        if not isinstance(path, (str, os.PathLike)):
            return None
        real = os.path.realpath(path)
        for top in (self.candidate, self.lab):
            if real.startswith(top + os.sep):
                relative = os.path.relpath(real, top)
                if relative in self.texts:
                    return relative
        return None


def _telling(text):
    """Lines by which a text is recognised."""
    for line in text.splitlines():
        line = line.strip()
        if len(line) >= 12 and not line.startswith(("#", "import ", "from ", "if __name__", '"""', "'''")):
            yield line


def _functions(code):
    for each in code.co_consts:
        if isinstance(each, types.CodeType):
            if len(each.co_code) >= 16:
                yield (each.co_name, each.co_code)
            yield from _functions(each)


def install(channel, lab, candidate):
    """From here on, in this process and in those that it starts, the candidate's modules are stand-ins."""
    global _state
    _state = _State(channel, lab, candidate)
    _patch_imports()
    _patch_text()
    _patch_processes()
    sys.addaudithook(_watch)


def refuse(what):
    """Ends what the evaluator tries, and the evaluation."""
    why = "%s: %s" % (what, _remedy)
    _state.channel.refuse(why)
    raise Refused(why)


# Loading


def fill(namespace, path):
    """Fills a namespace with the candidate's functions and values. Called by the text that stands in for its own."""
    name = namespace.get("__name__", "program")
    namespace.update(_load(path, name if isinstance(name, str) else "program"))


def _load(path, name):
    answer = _state.channel.ask({"op": "load", "path": path, "name": name if name.isprintable() else "program"})
    _raise(answer)
    module, names = answer["module"], answer["names"]
    if type(module) is not int or type(names) is not dict:
        raise ValueError("the candidate answered with something else than a module")
    # Names that Python itself looks at stay the evaluator's.
    plain = [each for each in names if each.isidentifier() and not (each.startswith("__") and each.endswith("__"))]
    return {each: _named(module, each, names[each], name) for each in plain}


def _named(module, name, given, of):
    if type(given) is not list or len(given) < 2:
        raise ValueError("the candidate answered with something else than a module")
    if given[0] == "v":
        return carry.unpack(given[1])
    if given[0] == "f":
        return _function(module, name, given[1], given[-1] is True, of)
    return Unavailable(name, str(given[1])[:200])


class Unavailable:
    """Something of the candidate's that is neither a function nor plain data: using it is refused."""

    def __init__(self, name, what):
        object.__setattr__(self, "_what", (name, what))

    def _refuse(self, *_args, **_kwargs):
        name, what = object.__getattribute__(self, "_what")
        refuse("the evaluator uses %s of the candidate, which is %s, and only functions and plain data can be carried over" % (name, what))

    __call__ = __iter__ = __len__ = __getitem__ = __setattr__ = __enter__ = __float__ = __int__ = _refuse

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        self._refuse()


def _function(module, name, parameters, is_async, of):
    def call(*args, **kwargs):
        return _call(module, name, args, kwargs)

    async def call_async(*args, **kwargs):
        return _call(module, name, args, kwargs)

    function = call_async if is_async else call
    function.__name__ = function.__qualname__ = name
    function.__module__ = of
    if "inspect" in sys.modules:
        try:
            function.__signature__ = _signature(sys.modules["inspect"], parameters)
        except (TypeError, ValueError, IndexError):
            pass
    return function


def _signature(inspect, parameters):
    default = object()
    each = [
        inspect.Parameter(name, inspect._ParameterKind(kind), default=default if optional else inspect.Parameter.empty)
        for name, kind, optional in parameters
    ]
    return inspect.Signature(each)


def _call(module, name, args, kwargs):
    question = {
        "op": "call",
        "module": module,
        "name": name,
        "args": [_packed(each, name, "argument %d" % (index + 1)) for index, each in enumerate(args)],
        "kwargs": {key: _packed(each, name, key) for key, each in kwargs.items()},
    }
    try:
        answer = _state.channel.ask(question)
    except carry.Uncarried as error:
        refuse("the evaluator hands %s to the candidate's %s()" % (error, name))
    _raise(answer)
    value = carry.unpack(answer["value"])
    if value is None:
        for before, after in zip(args, answer.get("args") or []):
            _write_back(before, after)
        for key, after in (answer.get("kwargs") or {}).items():
            _write_back(kwargs.get(key), after)
    return value


def _packed(value, name, which):
    try:
        return carry.pack(value)
    except carry.Uncarried as error:
        refuse("the evaluator hands %s to the candidate's %s() as %s, which cannot be carried to another process" % (error, name, which))


def _write_back(before, packed):
    """A function that returns nothing works on what it was given."""
    if packed is None or not carry.is_mutable(before):
        return
    after = carry.unpack(packed)
    if type(after) is not type(before):
        raise ValueError("the candidate made something else of its argument")
    if isinstance(before, (list, bytearray)):
        before[:] = after
    elif isinstance(before, dict):
        before.clear()
        before.update(after)
    elif isinstance(before, set):
        before.clear()
        before.update(after)
    else:
        if before.shape != after.shape or before.dtype != after.dtype:
            raise ValueError("the candidate made an array of another shape of its argument")
        before[...] = after


def _raise(answer):
    if type(answer) is not dict:
        raise ValueError("the candidate answered with something else than an answer")
    error = answer.get("error")
    if error is None:
        return
    if type(error) is not dict:
        raise ValueError("the candidate answered with something else than an answer")
    name, text = str(error.get("type"))[:100], str(error.get("text"))[:2000]
    kind = getattr(builtins, name, None)
    # What ends a process (SystemExit) or a loop (StopIteration) would do so here.
    if isinstance(kind, type) and issubclass(kind, Exception) and not issubclass(kind, (StopIteration, StopAsyncIteration, UnicodeError, Warning)):
        raise kind(text)
    raise CandidateError("%s: %s" % (name, text))


def _bootstrap(path):
    return "__import__('whetstone_shim.standin', fromlist=['fill']).fill(locals(), %r)" % path


# The import system


def _patch_imports():
    loader = importlib.machinery.SourceFileLoader
    usual_code, usual_source = loader.get_code, loader.get_source
    # A name is looked up where the evaluator looks; what it finds there is a stand-in where the candidate has that file.

    def get_code(self, fullname):
        program = _state.program_at(self.path)
        if program is not None:
            return _compile(_bootstrap(program), self.path, "exec", dont_inherit=True)
        if not _is_trusted(self.path):
            # A copy of the program that the evaluator wrote elsewhere.
            source = usual_source(self, fullname)
            text = _replaced(source, self.path)
            if text is not source:
                return _compile(text, self.path, "exec", dont_inherit=True)
        return usual_code(self, fullname)

    loader.get_code = get_code


def _is_trusted(path):
    """Whether a file belongs to Python, to what is installed, or to the lab, and so is none that was written meanwhile."""
    if not isinstance(path, str) or not os.path.isabs(path):
        return False
    real = os.path.realpath(path)
    if _state.program_at(real) is not None:
        return False
    return real.startswith(_tops + (_state.lab + os.sep,))


_tops = tuple(
    {
        os.path.realpath(top) + os.sep
        for top in (sys.prefix, sys.base_prefix, sys.exec_prefix, os.path.dirname(os.__file__), os.path.dirname(os.path.dirname(__file__)))
    }
)

# The program's text

_compile, _exec, _eval = builtins.compile, builtins.exec, builtins.eval


def _replaced(source, where):
    """The text with the candidate's own replaced by what stands in for it; the same object where it holds none."""
    if isinstance(source, (bytes, bytearray)):
        try:
            text = bytes(source).decode("utf-8")
        except UnicodeDecodeError:
            return source
    elif isinstance(source, str):
        text = source
    else:
        return source
    found = text
    for path, program in _state.programs.items():
        if program.strip() in found:
            found = found.replace(program.strip(), _bootstrap(path))
    if any(line in _state.lines for line in _telling(found)):
        refuse("the evaluator runs a part of the candidate's text in its own process (%s)" % where)
    return source if found is text else found


def _patch_text():
    def compile_(source, filename, mode, flags=0, dont_inherit=False, optimize=-1, **more):
        if not flags & ast.PyCF_ONLY_AST and not _is_trusted(filename):
            if isinstance(source, ast.AST):
                _refuse_tree(source)
            else:
                source = _replaced(source, filename)
        # The caller's own `from __future__` lines cannot be handed on; no evaluator rests on them.
        return _compile(source, filename, mode, flags, True, optimize, **more)

    def spaces(globals, locals):
        frame = sys._getframe(2)
        if globals is None:
            globals = frame.f_globals
            locals = frame.f_locals if locals is None else locals
        return globals, globals if locals is None else locals

    def exec_(source, /, globals=None, locals=None, **more):
        _exec(_replaced(source, "exec"), *spaces(globals, locals), **more)

    def eval_(source, /, globals=None, locals=None):
        if isinstance(source, str) and any(source.strip() == text.strip() for text in _state.programs.values()):
            refuse("the evaluator evaluates the candidate's text in its own process")
        return _eval(_replaced(source, "eval"), *spaces(globals, locals))

    builtins.compile, builtins.exec, builtins.eval = compile_, exec_, eval_


def _refuse_tree(tree):
    for node in ast.walk(tree):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.stmt) and _tree_line(child) in _tree_lines():
                refuse("the evaluator compiles the candidate's syntax tree in its own process")


def _tree_line(node):
    return ast.dump(node)


def _tree_lines():
    if not hasattr(_state, "trees"):
        _state.trees = set()
        for text in _state.programs.values():
            try:
                nodes = list(ast.walk(ast.parse(text)))
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                continue
            for node in nodes:
                if isinstance(node, ast.stmt) and not isinstance(node, (ast.Import, ast.ImportFrom, ast.Pass, ast.Return)):
                    _state.trees.add(ast.dump(node))
    return _state.trees


# Processes


def _patch_processes():
    usual = subprocess.Popen.__init__
    children = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "children")
    guest = os.path.join(os.path.dirname(children), "whetstone_guest.py")
    os.environ["WHETSTONE_SHIM_CANDIDATE"] = _state.candidate
    os.environ["WHETSTONE_SHIM_LAB"] = _state.lab
    _lead(os.environ, children)

    def init(self, args, *rest, **named):
        _state.channel.serve()
        if isinstance(args, (list, tuple)) and args and not named.get("shell"):
            args = _as_guest(list(args), guest)
        if named.get("env") is not None:
            named["env"] = _led(named["env"], children)
        usual(self, args, *rest, **named)

    subprocess.Popen.__init__ = init
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=_state.channel.serve)


def _lead(env, children):
    """Every Python that is started loads the stand-ins first."""
    paths = [path for path in env.get("PYTHONPATH", "").split(os.pathsep) if path and path != children]
    env["PYTHONPATH"] = os.pathsep.join([children] + paths)


def _led(env, children):
    env = dict(env)
    for name in ("WHETSTONE_SHIM_CANDIDATE", "WHETSTONE_SHIM_LAB", "WHETSTONE_SHIM_SOCKET"):
        env[name] = os.environ[name]
    _lead(env, children)
    return env


def _as_guest(args, guest):
    """`python script.py ...` with the script run by the shim, which knows a copy of the program when it sees it."""
    try:
        words = [os.fspath(each) for each in args]
    except TypeError:
        return args
    if not all(isinstance(word, str) for word in words):
        return args
    name = os.path.basename(words[0])
    if words[0] != sys.executable and not name.startswith("python"):
        return args
    first = next((index for index, word in enumerate(words) if index > 0 and not word.startswith("-")), None)
    flags = words[1:first] if first else words[1:]
    if any(flag[:2] in ("-I", "-S", "-E") for flag in flags):
        refuse("the evaluator starts Python with %s, where the candidate's stand-in cannot be" % " ".join(flags))
    if "-c" in flags and first is not None:
        return words[:first] + [_replaced(words[first], "python -c")] + words[first + 1 :]
    if first is None or not words[first].endswith(".py") or "-m" in flags:
        return args
    return words[:first] + [guest] + words[first:]


def run_guest(path, args):
    """Runs a script of the evaluator's as `python script.py` does; the program itself runs as the candidate."""
    program = _state.program_at(path)
    if program is None and not _is_trusted(path):
        try:
            with open(path, encoding="utf-8") as stream:
                text = stream.read()
        except (OSError, UnicodeDecodeError):
            text = ""
        program = next((each for each, known in _state.programs.items() if known.strip() == text.strip()), None)
    if program is not None:
        sys.exit(_run_script(program, args))
    import runpy

    sys.argv[:] = [path] + args
    sys.path[0] = os.path.dirname(os.path.abspath(path))
    runpy.run_path(path, run_name="__main__")


def _run_script(program, args):
    given = b"" if sys.stdin is None or sys.stdin.isatty() else sys.stdin.buffer.read()
    answer = _state.channel.ask({"op": "script", "path": program, "args": args, "input": carry.pack(given)})
    _raise(answer)
    code = answer["code"]
    for stream, name in ((sys.stdout, "stdout"), (sys.stderr, "stderr")):
        data = carry.unpack(answer[name])
        if type(data) is not bytes:
            raise ValueError("no output")
        stream.buffer.write(data)
        stream.flush()
    return code if type(code) is int and 0 <= code <= 255 else 1


# The last line of defence


def _watch(event, args):
    """Sees every code object before it runs, every program before it starts. It cannot be taken off again."""
    if event == "exec":
        _watch_code(args[0])
    elif event in ("subprocess.Popen", "os.exec", "os.posix_spawn", "os.system"):
        _watch_program(args)


def _watch_code(code):
    if not isinstance(code, types.CodeType):
        return
    # Looked at first: what is installed runs thousands of functions while it is imported.
    if _is_trusted(code.co_filename) or _state.codes.isdisjoint(_functions(code)):
        return
    refuse("the evaluator runs the candidate's code in its own process (%s)" % code.co_filename)


def _watch_program(args):
    words = []
    for each in args[:2]:
        words.extend(each if isinstance(each, (list, tuple)) else [each])
    words = [os.fsdecode(word) for word in words if isinstance(word, (str, bytes, os.PathLike))]
    python = bool(words) and os.path.basename(words[0]).startswith("python") and any(word.endswith("whetstone_guest.py") for word in words)
    if not python and any(_state.candidate in word for word in words):
        refuse("the evaluator starts a program on the candidate's file (%s)" % " ".join(words[:6]))
