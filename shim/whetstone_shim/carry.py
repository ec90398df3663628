"""Plain data as JSON and back.

What comes from the candidate is rebuilt here from tags, each checked: nothing is unpickled, evaluated or looked up by a
name that the candidate chose. Integers and floats travel as text, since JSON numbers lose digits on the way.
"""

import array
import base64
import collections
import enum
import json
import re
import sys
import types

#: Characters of one packed value; a line of the protocol holds 64 MiB.
LIMIT = 48 * 2**20
#: Levels of lists within lists.
DEPTH = 100

_whole = re.compile(r"-?[0-9]{1,4000}\Z")
_hex = re.compile(r"-?0x[01]\.[0-9a-f]{1,13}p[+-][0-9]{1,4}\Z")
_dtype = re.compile(r"[<>|]([biufc][0-9]{1,2}|[SU][0-9]{1,6}|[Mm]8(\[[0-9]{0,6}[a-zA-Z]{1,2}\])?)\Z")


class Uncarried(Exception):
    """Says what cannot be carried from one process to another."""


class Record(types.SimpleNamespace):
    """The fields of a candidate's dataclass or namespace, without its methods."""


def pack(value):
    """A value as something that JSON can hold. Raises Uncarried."""
    size = [0]
    packed = _pack(value, 0, size)
    if size[0] > LIMIT:
        raise Uncarried("more than 48 MB of data")
    return packed


def line(frame):
    """A frame of the protocol as its line. Raises Uncarried for one that Whetstone would not pass on."""
    text = json.dumps(frame) + "\n"
    if len(text) > LIMIT * 5 // 4:
        raise Uncarried("more than 48 MB of data")
    return text


def _text(data):
    return base64.b64encode(data).decode("ascii")


def _pack(value, depth, size):
    if depth > DEPTH:
        raise Uncarried("data that is nested more than %d levels deep, or that contains itself" % DEPTH)
    size[0] += 8
    kind = type(value)
    if value is None:
        return ["n"]
    if kind is bool:
        return ["b", value]
    if kind is int:
        return ["i", _digits(value)]
    if kind is float:
        return ["f", value.hex()]
    if kind is str:
        size[0] += len(value) * (1 if value.isascii() else 6)
        return ["s", value]
    if kind is complex:
        return ["c", value.real.hex(), value.imag.hex()]
    if kind is bytes or kind is bytearray:
        size[0] += len(value) * 4 // 3
        return ["y" if kind is bytes else "Y", _text(value)]
    if kind is list or kind is tuple:
        return _sequence("l" if kind is list else "t", value, depth, size)
    if kind is dict:
        return ["d", [[_pack(key, depth + 1, size), _pack(each, depth + 1, size)] for key, each in value.items()]]
    if kind is set or kind is frozenset:
        return ["S" if kind is set else "F", [_pack(each, depth + 1, size) for each in value]]
    if kind is range:
        return ["r", _digits(value.start), _digits(value.stop), _digits(value.step)]
    return _unusual(value, depth, size)


def _digits(value):
    if value.bit_length() > 13000:
        raise Uncarried("a whole number of more than 4000 digits")
    return str(value)


def _sequence(tag, value, depth, size):
    kinds = set(map(type, value))
    # Long lists of numbers are the usual case, and byte by byte they take a tenth of the time.
    if len(value) > 8 and kinds == {float}:
        return _numbers(tag, "f", array.array("d", value), size)
    if len(value) > 8 and kinds == {int}:
        try:
            return _numbers(tag, "i", array.array("q", value), size)
        except OverflowError:
            pass
    return [tag, [_pack(each, depth + 1, size) for each in value]]


def _numbers(tag, kind, numbers, size):
    if sys.byteorder == "big":
        numbers.byteswap()
    size[0] += len(numbers) * 11
    return [tag + kind, _text(numbers.tobytes())]


def _known(value, module, name):
    """Whether a value is of a class of a module, which need not be loaded to tell: it takes time at every start."""
    return module in sys.modules and isinstance(value, getattr(sys.modules[module], name))


def _unusual(value, depth, size):
    if _known(value, "decimal", "Decimal"):
        return ["D", str(value)]
    if _known(value, "fractions", "Fraction"):
        return ["Q", _digits(value.numerator), _digits(value.denominator)]
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, numpy.ndarray):
        return _array(numpy, value, size)
    if numpy is not None and isinstance(value, numpy.generic):
        return ["g", _array(numpy, numpy.asarray(value), size)]
    if isinstance(value, enum.Enum):
        return _pack(value.value, depth + 1, size)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        fields = [str(name) for name in value._fields]
        return ["N", type(value).__name__, fields, [_pack(each, depth + 1, size) for each in tuple(value)]]
    if hasattr(type(value), "__dataclass_fields__"):
        return _fields({name: getattr(value, name) for name in type(value).__dataclass_fields__}, depth, size)
    if isinstance(value, types.SimpleNamespace):
        return _fields(vars(value), depth, size)
    for plain in (int, float, complex, str, bytes, list, tuple, dict, set, frozenset):
        # A class of the candidate's own that is a number or a list beside: what it really holds, without its methods.
        if isinstance(value, plain):
            return _pack(_bare(plain, value), depth + 1, size)
    if isinstance(value, collections.deque):
        return _pack(list(value), depth + 1, size)
    raise Uncarried(described(value))


def _bare(plain, value):
    if plain is dict:
        return dict(dict.items(value))
    if plain in (list, tuple, set, frozenset):
        return plain(plain.__iter__(value))
    if plain is str:
        return str.__str__(value)
    if plain is bytes:
        return bytes(memoryview(value))
    return plain.__pos__(value)


def _fields(fields, depth, size):
    return ["o", [[str(name), _pack(each, depth + 1, size)] for name, each in fields.items()]]


def _array(numpy, value, size):
    value = numpy.asarray(value)
    if not _dtype.match(value.dtype.str):
        raise Uncarried("an array of %s" % value.dtype)
    size[0] += value.nbytes * 4 // 3
    if size[0] > LIMIT:
        raise Uncarried("more than 48 MB of data")
    return ["a", value.dtype.str, list(value.shape), _text(value.tobytes())]


def is_mutable(value):
    """Whether a called function can change an argument so that its caller sees it."""
    if type(value) in (list, dict, set, bytearray):
        return True
    numpy = sys.modules.get("numpy")
    return numpy is not None and type(value) is numpy.ndarray


def described(value):
    """What a value is, for a person: `the function f`, `an instance of the class Solver`."""
    if isinstance(value, type):
        return "the class %s" % value.__name__
    name = getattr(value, "__name__", None)
    if isinstance(value, types.ModuleType):
        return "the module %s" % name
    if isinstance(value, types.GeneratorType):
        return "a generator"
    if callable(value) and isinstance(name, str):
        return "the function %s" % name
    kind = type(value)
    if kind.__module__ in ("builtins", "__main__"):
        return "an instance of the class %s" % kind.__name__
    return "an instance of the class %s.%s" % (kind.__module__, kind.__name__)


def unpack(data):
    """The value of what `pack` made. Raises ValueError for everything else."""
    try:
        return _unpack(data, 0)
    except (TypeError, LookupError, AttributeError, ArithmeticError, MemoryError, RecursionError) as error:
        raise ValueError("a value that nobody packed: %s" % error) from None


def _unpack(data, depth):
    if type(data) is not list or not data or type(data[0]) is not str or depth > DEPTH + 1:
        raise ValueError("a value that nobody packed")
    tag, rest = data[0], data[1:]
    make = _makers.get(tag)
    if make is None:
        raise ValueError("a value of an unknown kind")
    return make(depth, *rest)


def _exact(value, kind):
    if type(value) is not kind:
        raise ValueError("a value that nobody packed")
    return value


def _int(text):
    if not _whole.match(_exact(text, str)):
        raise ValueError("no whole number")
    return int(text)


def _float(text):
    if text in ("nan", "inf", "-inf", "-nan") or _hex.match(_exact(text, str)):
        return float(text) if "x" not in text else float.fromhex(text)
    raise ValueError("no number")


def _bytes(text):
    return base64.b64decode(_exact(text, str).encode("ascii"), validate=True)


def _each(items, depth):
    return [_unpack(item, depth + 1) for item in _exact(items, list)]


def _array_of(code, text):
    numbers = array.array(code)
    numbers.frombytes(_bytes(text))
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tolist()


def _pairs(items):
    for item in _exact(items, list):
        if len(_exact(item, list)) != 2:
            raise ValueError("no pair")
        yield item


def _record(depth, items):
    return Record(**{_exact(name, str): _unpack(each, depth + 1) for name, each in _pairs(items)})


def _named(depth, name, fields, items):
    fields = [_exact(field, str) for field in _exact(fields, list)]
    name = name if type(name) is str and name.isidentifier() else "Record"
    return collections.namedtuple(name, fields, rename=True)(*_each(items, depth))


def _decimal(depth, text):
    import decimal

    return decimal.Decimal(_exact(text, str)[:5000])


def _fraction(depth, over, under):
    import fractions

    return fractions.Fraction(_int(over), _int(under))


def _numpy(depth, dtype, shape, text):
    try:
        import numpy
    except ImportError:
        raise ValueError("the candidate returned a numpy array, and the evaluator's Python has no numpy") from None
    if not _dtype.match(_exact(dtype, str)):
        raise ValueError("an array of an unknown kind")
    sizes = [_exact(size, int) for size in _exact(shape, list)]
    data, kind, count = _bytes(text), numpy.dtype(dtype), 1
    for size in sizes:
        if size < 0:
            raise ValueError("an array of a size below 0")
        count *= size
    if count * kind.itemsize != len(data) or len(sizes) > 32 or kind.itemsize == 0:
        raise ValueError("an array whose size is not that of its data")
    if count == 0:
        return numpy.zeros(sizes, kind)
    return numpy.frombuffer(data, kind).reshape(sizes).copy()


_makers = {
    "n": lambda depth: None,
    "b": lambda depth, value: _exact(value, bool),
    "i": lambda depth, text: _int(text),
    "f": lambda depth, text: _float(text),
    "c": lambda depth, real, imag: complex(_float(real), _float(imag)),
    "s": lambda depth, text: _exact(text, str),
    "y": lambda depth, text: _bytes(text),
    "Y": lambda depth, text: bytearray(_bytes(text)),
    "l": lambda depth, items: _each(items, depth),
    "t": lambda depth, items: tuple(_each(items, depth)),
    "lf": lambda depth, text: _array_of("d", text),
    "li": lambda depth, text: _array_of("q", text),
    "tf": lambda depth, text: tuple(_array_of("d", text)),
    "ti": lambda depth, text: tuple(_array_of("q", text)),
    "d": lambda depth, items: {_unpack(key, depth + 1): _unpack(each, depth + 1) for key, each in _pairs(items)},
    "S": lambda depth, items: set(_each(items, depth)),
    "F": lambda depth, items: frozenset(_each(items, depth)),
    "r": lambda depth, start, stop, step: range(_int(start), _int(stop), _int(step)),
    "D": _decimal,
    "Q": _fraction,
    "o": _record,
    "N": _named,
    "a": _numpy,
    "g": lambda depth, inner: _numpy(depth, *inner[1:])[()],
}
