"""WHERE: from the text a user writes to the injection points it stands for.

A *target* is what the user writes: ``package.module:Qual.name``, a glob over such names, or the object itself. An
*injection point* is one resolved place: the object that owns a name, and what stands under that name.
"""

from __future__ import annotations

import contextlib
import fnmatch
import functools
import importlib
import importlib.util
import inspect
import itertools
import operator
import pkgutil
import re
import sys
import types
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from pytest_chaos import compat, immutable
from pytest_chaos.doubles import is_awaited, mock_behind
from pytest_chaos.errors import TargetError, near_misses
from pytest_chaos.faults.base import Kind
from pytest_chaos.provenance import is_stdlib_module

_MISSING = object()
_WILDCARDS = frozenset("*?")
_SAME_MODULE = {"io": "_io"}  # what a module of C makes, and a module of Python hands out as its own


@dataclass(frozen=True)
class Target:
    """What a user names, not looked up yet.

    Attributes:
        module: Module path or glob. For a dotted path without ``:`` the whole path, and ``name`` is empty.
        name: ``Qual.name`` inside the module, or a glob.
        separator: ``:`` for code, ``/`` for a catalogue name.
        obj: The object itself, where the user gave one; compared by identity.
        number: Which one it is of several objects with the same description, from 1. Not compared.
    """

    module: str = ""
    name: str = ""
    separator: str = ":"
    obj: Any = None
    number: int = field(default=1, kw_only=True)

    @property
    def is_object(self) -> bool:
        """Whether the user gave an object that no text stands for."""
        return not self.module

    @property
    def is_glob(self) -> bool:
        """Whether it may stand for any number of points, also none."""
        return any(char in self.module + self.name for char in "*?")

    @property
    def plain_module(self) -> str:
        """The module path, of a glob the part in front of its first wildcard; of an object an empty text."""
        return ".".join(itertools.takewhile(lambda name: not _WILDCARDS.intersection(name), self.module.split(".")))

    @property
    def is_over_packages(self) -> bool:
        """Whether it is a glob over modules, and so says where to look rather than what is called."""
        return self.plain_module != self.module

    @property
    def is_loaded(self) -> bool:
        """Whether an exact target can be looked up without importing code of the project; a glob always can."""
        return self.is_object or self.is_glob or self.module in sys.modules or is_stdlib_module(self.module)

    @property
    def text(self) -> str:
        """The canonical text, or a description in ``‹›`` for an object without one."""
        if self.is_object:
            return f"‹{_describe(self.obj)}›" if self.number == 1 else f"‹{_describe(self.obj)} {self.number}›"
        return f"{self.module}{self.separator}{self.name}" if self.name else self.module

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Target):
            return NotImplemented
        mine = (self.module, self.name, self.separator)
        return mine == (other.module, other.name, other.separator) and self.obj is other.obj

    def __hash__(self) -> int:
        return hash((self.module, self.name, self.separator, id(self.obj)))


@dataclass(eq=False, slots=True)
class Point:
    """One resolved place where a fault can be put; nobody changes it. Not frozen: a glob makes thousands.

    Attributes:
        text: ``module:Qual.name``.
        owner: The module, class or instance whose attribute is replaced; the object itself if no name leads to it.
        name: The attribute's name.
        raw: What stands there, as found in ``__dict__``, unbound.
        inherited: Whether ``raw`` stands further up, so that undoing means deleting.
        kind: What sort of callable it is.
        through: Names that lead on from what the callable returned to the call that is meant; none, if the call of
            the callable itself is meant.
        adapter: Name of the adapter that reaches a method of an immutable C type.
        is_described: Whether ``text`` only describes an object that the user gave, and leads to nothing.
    """

    text: str
    owner: Any
    name: str
    raw: Any
    inherited: bool
    kind: Kind
    through: tuple[str, ...] = ()
    adapter: str = ""
    is_described: bool = False

    @property
    def module(self) -> str:
        """Name of the module that ``text`` begins with; an empty text if it leads to nothing."""
        return "" if self.is_described else self.text.partition(":")[0]

    def called_before(self, step: int) -> str:
        """Return the text of what is called before one of the names in ``through``."""
        names = self.text.split(".")
        return ".".join(names[: len(names) - len(self.through) + step])

    @property
    def is_nameless(self) -> bool:
        """Whether no name leads to it, so that only the code of its function can be changed."""
        return self.owner is self.raw

    @property
    def identity(self) -> tuple[int, str]:
        """What makes two points one: the function itself where it is shared by its aliases, else the place."""
        if type(self.raw) is types.FunctionType and not self.inherited and not self.through:
            return id(self.raw), ""  # as below, for most
        if not self.inherited and is_plain_callable(self.raw):
            return id(self.raw), ".".join(("", *self.through)) if self.through else ""
        return id(self.owner), ".".join((self.name, *self.through))


def is_plain_callable(raw: object) -> bool:
    """Tell whether references to this object elsewhere are aliases of the same function."""
    return isinstance(raw, types.FunctionType | types.BuiltinFunctionType) or (
        callable(raw)
        and mock_behind(raw) is None  # the same mock may stand for several functions
        and not isinstance(raw, type | classmethod | staticmethod | property | types.MethodType)
        and not inspect.ismethoddescriptor(raw)
    )


def target_of(obj: Any) -> Target:
    """Return the target for an object: by name where its name leads back to it, else the object itself.

    Raises:
        TargetError: It is not callable.
    """
    if isinstance(obj, property) and obj.fget is not None:
        function: Any = obj.fget
    else:
        function = obj.__func__ if isinstance(obj, staticmethod | classmethod) else obj
    if not callable(function) and not isinstance(obj, classmethod | staticmethod | property):
        raise TargetError(
            f"target {obj!r} is not callable",
            remedy="Name what is called: 'package.module:function', 'package.module:Class.method', or the object.",
        )
    receiver = getattr(obj, "__self__", None)
    if isinstance(obj, types.MethodType) and isinstance(receiver, type) and "<" not in receiver.__qualname__:
        return Target(receiver.__module__, f"{receiver.__qualname__}.{obj.__name__}")
    if isinstance(obj, types.MethodType):
        return Target(obj=obj)
    module = getattr(function, "__module__", None) or getattr(getattr(obj, "__objclass__", None), "__module__", None)
    qualname = getattr(function, "__qualname__", None)
    if isinstance(module, str) and isinstance(qualname, str) and "<" not in qualname:
        found: Any = sys.modules.get(module, _MISSING)
        for part in qualname.split("."):
            found = inspect.getattr_static(found, part, _MISSING)
        if found is obj or found is function or getattr(found, "__func__", None) is function:
            return Target(module, qualname)
        if isinstance(found, property) and found.fget is function:
            return Target(module, qualname)
    return Target(obj=obj)


def check(target: Target) -> Target:
    """Look a target up as far as that is possible without running project code, and return its canonical form.

    The module must exist, of a glob the part in front of its first wildcard; the attribute is looked up if the module
    is loaded or belongs to the standard library.

    Raises:
        TargetError: The module or attribute does not exist, or no fault can be put there.
    """
    if target.separator == "/":
        raise _catalogue_error(target.text)
    if target.is_object or target.is_glob:
        if target.is_object:
            resolve(target)
        elif target.plain_module:
            _require_module(target.plain_module)
        if target.is_glob and not target.name:
            raise TargetError(
                f"target {target.text!r} has no ':' between module and name",
                remedy="A glob is written 'package.module:name*'; '**' stands for any number of packages.",
            )
        if target.is_glob:
            _note_names(target.module)
        return target
    exact = canonical(target)
    if exact.module in sys.modules or is_stdlib_module(exact.module):
        resolve(exact)
    return exact


def resolve(target: Target) -> list[Point]:
    """Return the injection points of a target, importing the module of an exact one.

    Raises:
        TargetError: An exact target names nothing that can be replaced.
    """
    if target.is_object:
        found = _point_of_object(target)
        return [replace(found, is_described=found.text == target.text)]
    if target.is_glob:
        return _points_of_glob(target)
    exact = canonical(target)
    module = _import(exact.module)
    known = _FUNCTIONS.get((exact.module, exact.name))
    # A test that is run again and again has the same functions each time, unless a fixture has put another there.
    if known is not None and known.owner is module and vars(module).get(known.name) is known.raw:
        return [known]
    point = _point_by_name(module, exact.module, exact.name)
    if type(point.raw) is types.FunctionType and point.owner is module and not point.inherited:
        _FUNCTIONS[exact.module, exact.name] = point
    return [point]


_FUNCTIONS: dict[tuple[str, str], Point] = {}
"""Functions of modules that were found, by module and name."""


# --- exact names


def canonical(target: Target) -> Target:
    """Return ``module:Qual.name``; in a dotted path the longest importable module wins.

    Raises:
        TargetError: No part of the path is a module, or all of it is.
    """
    if target.name:
        _require_module(target.module)
        return target
    parts = target.module.split(".")
    for split in range(len(parts), 0, -1):
        if _module_exists(".".join(parts[:split])):
            if split == len(parts):
                raise TargetError(
                    f"target {target.text!r} names a module, not something in it",
                    remedy=f"Write '{target.text}:name' for one function, or '{target.text}:*' for all.",
                )
            return Target(".".join(parts[:split]), ".".join(parts[split:]))
    _require_module(parts[0])
    raise AssertionError("unreachable: an existing first part was found by the loop")


def check_name(module: str, name: str, what: str) -> None:
    """Look up a name in a module as far as that is possible without running project code.

    The module must exist; the name is looked up if the module is loaded, and only in modules and classes: what
    another object will have when it is asked, nobody knows.

    Args:
        module: Path of the module.
        name: ``Qual.name`` inside it; empty, if only the module is meant.
        what: What names it, for the message.

    Raises:
        TargetError: There is no such module, or nothing of that name in it.
    """
    _require_module(module, what, _MODULE_PATH)
    owner: Any = sys.modules.get(module, _MISSING)
    path = module
    for part in name.split(".") if name else ():
        if not isinstance(owner, type | types.ModuleType):
            return
        found = getattr(owner, part, _MISSING)
        if found is _MISSING:
            raise TargetError(f"{what}: {path!r} has no attribute {part!r}", remedy=near_misses(part, dir(owner)))
        owner, path = found, f"{path}.{part}"


_MODULE_PATH = "Write the path under which it is imported; is it importable from here?"


def _require_module(
    name: str,
    what: str = "target",
    remedy: str = "Targets are written 'package.module:Qual.name'; is the package importable from here?",
) -> None:
    parts = name.split(".")
    for depth in range(1, len(parts) + 1):
        path = ".".join(parts[:depth])
        if not _module_exists(path):
            siblings = _submodules(".".join(parts[: depth - 1]))
            raise TargetError(
                f"{what}: there is no module {path!r}",
                remedy=near_misses(parts[depth - 1], siblings) or remedy,
            )


def _module_exists(name: str) -> bool:
    if name in sys.modules:
        return True
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False
    except (ImportError, ValueError, AttributeError):
        return False
    except Exception as error:  # the parent package's own code runs here and may raise anything
        raise TargetError(f"target: importing the package of {name!r} raised {error!r}") from error


def _submodules(package: str) -> list[str]:
    if not package:
        return [info.name for info in pkgutil.iter_modules()] + list(sys.stdlib_module_names)
    return [info.name for info in pkgutil.iter_modules(getattr(sys.modules.get(package), "__path__", []))]


def _import(name: str) -> types.ModuleType:
    try:
        return importlib.import_module(name)
    except Exception as error:
        raise TargetError(f"target: importing {name!r} raised {error!r}") from error


def _point_by_name(module: types.ModuleType, module_name: str, name: str) -> Point:
    owner: Any = module
    parts = name.split(".")
    before: Point | None = None
    for depth, part in enumerate(parts):
        path = f"{module_name}:{'.'.join(parts[: depth + 1])}"
        raw, inherited = raw_attribute(owner, part)
        if raw is _MISSING and before is not None:
            return _of_what_it_returns(before, f"{module_name}:{name}", tuple(parts[depth:]))
        if raw is _MISSING:
            what = f"module {module_name!r}" if depth == 0 else repr(".".join(parts[:depth]))
            raise TargetError(
                f"target {module_name}:{name}: {what} has no attribute {part!r}",
                remedy=near_misses(part, dir(owner)),
            )
        if depth == len(parts) - 1:
            return _point(path, owner, part, raw, inherited)
        before = _point(path, owner, part, raw, inherited) if _hands_out(raw) else None
        owner = immutable.stand_in_of(raw) if isinstance(raw, type) else raw
    raise AssertionError("unreachable: a name has at least one part")


def _hands_out(raw: Any) -> bool:
    """Tell whether a name may lead on from what the call of this object returns: it is a function, not a class."""
    if isinstance(raw, classmethod | staticmethod | property | functools.cached_property | functools.partial):
        return True
    if isinstance(raw, types.FunctionType | types.BuiltinFunctionType | types.MethodType):
        return True
    if callable(raw) and (inspect.ismethoddescriptor(raw) or hasattr(type(raw), "cache_info")):
        return True
    if callable(raw) and isinstance(inspect.getattr_static(raw, "__wrapped__", None), types.BuiltinFunctionType):
        return True  # an object that stands for a function, as a tap of ours does
    return mock_behind(raw) is not None


def _of_what_it_returns(function: Point, text: str, steps: tuple[str, ...]) -> Point:
    """Return the point on what a function returns; what that is, nobody knows before it is called."""
    made = immutable.answer_of(function.raw)
    if made is not None:
        raise immutable.refusal(text, made)
    for step in steps:
        if step.startswith("__"):
            raise TargetError(
                f"target {text}: {step} of what {function.text} returns cannot be watched",
                remedy="Name an ordinary method or attribute.",
            )
    return replace(function, text=text, kind="function", through=steps)


def raw_attribute(owner: Any, name: str) -> tuple[Any, bool]:
    """Return what stands under a name, unbound, and whether it stands further up than ``owner`` itself."""
    kind = type(owner)  # and never isinstance, which asks the object for its class
    if issubclass(kind, type):
        for place in owner.__mro__:
            if name in vars(place):
                return vars(place)[name], place is not owner
        return _MISSING, False
    own = namespace_of(owner)
    if name in own:
        return own[name], False
    found = inspect.getattr_static(owner, name, _MISSING)
    if found is _MISSING and issubclass(kind, types.ModuleType):
        try:
            return getattr(owner, name), True  # a module with __getattr__ that hands names out lazily
        except AttributeError:
            return _MISSING, False
    return found, True


def namespace_of(owner: Any) -> Any:
    """Return the ``__dict__`` of an object, without running code of its class; empty if it has none."""
    if issubclass(type(owner), type):
        return vars(owner)
    try:
        return object.__getattribute__(owner, "__dict__")
    except AttributeError:
        return {}


class _Holder(NamedTuple):
    """A module, class or instance, and those of some points that stand in its names, one after the other.

    Attributes:
        owner: The holder.
        module: Name of the module under which it is found at once, or an empty text.
        name: Its name there; an empty text for the module itself.
        is_namespace: Whether its names are read from its ``__dict__``.
        names: The points' names.
        raws: What was found there.
        points: The points.
    """

    owner: Any
    module: str
    name: str
    is_namespace: bool
    names: tuple[str, ...]
    raws: tuple[Any, ...]
    points: tuple[Point, ...]

    @classmethod
    def of(cls, points: Sequence[Point]) -> _Holder:
        """Return the holder of points that have one and the same."""
        first = points[0]
        owner = first.owner
        is_module = issubclass(type(owner), types.ModuleType)
        module, _, path = first.text.partition(":")
        if is_module:
            name = ""
            is_direct = path.count(".") == len(first.through) and first.kind != "constructor"
        else:
            name = path if first.kind == "constructor" else path.rpartition(".")[0]
            is_direct = bool(name) and "." not in name
        return cls(
            owner,
            module if is_direct and not first.is_described else "",
            name,
            is_module or issubclass(type(owner), type),
            tuple(point.name for point in points),
            tuple(point.raw for point in points),
            tuple(points),
        )

    def is_reached(self, reached: dict[tuple[int, str], bool]) -> bool:
        """Tell whether it is still what the points' texts lead to."""
        if self.module:  # True of most
            module = sys.modules.get(self.module)
            if (namespace_of(module).get(self.name) if self.name else module) is self.owner:
                return True
        return _is_reached(self.points[0], reached)

    def moved(self, reached: dict[tuple[int, str], bool]) -> Iterable[Point]:
        """Return those of its points where something else stands now."""
        names: Mapping[str, Any] = vars(self.owner) if self.is_namespace and self.is_reached(reached) else {}
        # True of most, and of thousands where a glob names them.
        if all(map(operator.is_, map(names.get, self.names), self.raws)):
            return ()
        return (
            point
            for point in self.points
            if names.get(point.name, _MISSING) is not point.raw and not _stands(point, reached)
        )


class Positions:
    """Where some points stand, put together so that it is told again and again at little cost what has moved.

    Args:
        points: The points.

    Attributes:
        points: The same.
    """

    def __init__(self, points: Iterable[Point]) -> None:
        self.points = list(points)
        groups: list[list[Point]] = []
        last: tuple[int, str] | None = None
        for point in self.points:
            is_in_module = issubclass(type(point.owner), types.ModuleType)
            key = id(point.owner), "" if is_in_module else point.text[: -len(point.name)]
            if key != last:
                groups.append([])
                last = key
            groups[-1].append(point)
        self._holders = [_Holder.of(group) for group in groups]

    def moved(self, reached: dict[tuple[int, str], bool]) -> list[Point]:
        """Return those of the points where something else stands than was found there.

        Args:
            reached: Which owners were found to stand where they did, by identity and name; kept up to date.
        """
        return [point for holder in self._holders for point in holder.moved(reached)]

    @functools.cached_property
    def in_question(self) -> list[Point]:
        """Those of the points of which it is to be asked whether what stands there belongs there.

        Where a function was made never changes; which module a class says that it is of may.
        """
        return [
            point
            for holder in self._holders
            for point in holder.points
            if point.kind == "constructor" or not is_at_home(point)
        ]


def _stands(point: Point, reached: dict[tuple[int, str], bool]) -> bool:
    if point.adapter or point.is_nameless:
        return True  # nobody replaces methods of immutable types, and an object without a name is what it is
    if not _is_reached(point, reached) or point.through:
        return _is_reached(point, reached)
    owner = point.owner
    if not issubclass(type(owner), type | types.ModuleType):
        return _stands_on_instance(point)
    if not point.inherited:
        return vars(owner).get(point.name, _MISSING) is point.raw
    return raw_attribute(owner, point.name)[0] is point.raw


def _stands_on_instance(point: Point) -> bool:
    """Tell whether an instance still hands out what it did, and ask it only where its class does not tell."""
    owner, raw = point.owner, point.raw
    found, _ = raw_attribute(owner, point.name)
    if found is raw:
        return True
    if type(raw) is types.MethodType and type(found) in (types.FunctionType, classmethod):
        receiver = owner if type(found) is types.FunctionType else type(owner)
        return raw.__self__ is receiver and raw.__func__ is function_behind(found)
    if type(found) is staticmethod:
        return found.__func__ is raw
    try:
        return bool(getattr(owner, point.name, None) == raw)
    except Exception:  # noqa: BLE001  # it is a stranger's: what cannot be asked is not known to stand
        return False


def _is_reached(point: Point, reached: dict[tuple[int, str], bool]) -> bool:
    """Tell whether the owner of a point is still what its text leads to; without such a text it is given itself."""
    owner = point.owner
    if point.is_described:
        return True
    if issubclass(type(owner), types.ModuleType):
        path = ""
    else:  # a class may be reached by several names
        path = point.text if point.kind == "constructor" else point.text.rpartition(".")[0]
    known = reached.get((id(owner), path))
    if known is None:
        module, _, name = path.partition(":")
        is_there = bool(name) and namespace_of(sys.modules.get(module)).get(name) is owner  # as below, for most
        known = reached[id(owner), path] = is_there or _owner_of(point) is owner
    return known


def _owner_of(point: Point) -> Any:
    """Return what the text of a point leads to now, where its owner was."""
    _, _, path = point.text.partition(":")
    found: Any = sys.modules.get(point.module)
    names = path.split(".")
    steps = len(point.through) + (point.kind != "constructor")
    for name in names[: len(names) - steps]:
        found = raw_attribute(found, name)[0]
        found = immutable.stand_in_of(found) if issubclass(type(found), type) else found
    return found


def as_it_stands(point: Point) -> Point:
    """Return the point that the text of another one leads to now; nothing is imported for that.

    Raises:
        TargetError: It leads to nothing that can be replaced, or its module is gone.
    """
    owner = point.owner
    if not point.is_described:
        name, _, path = point.text.partition(":")
        module = sys.modules.get(name)
        if module is None:
            raise TargetError(f"target {point.text}: the module {name!r} is no longer in sys.modules")
        return _point_by_name(module, name, path)
    if not issubclass(type(owner), type):
        stands = _point_on_instance(point.text, owner, point.name)
    elif point.kind == "constructor":
        stands = _constructor(point.text, owner)
    else:
        stands = _point(point.text, owner, point.name, *raw_attribute(owner, point.name))
    return replace(stands, is_described=True)


def home_of(text: str) -> str:
    """Return the name of the module with which the text of an injection point begins."""
    return text.partition(":")[0]


def leads_by(point: Point, names: Collection[str]) -> bool:
    """Tell whether what a point leads to may be another thing once something else stands in these names.

    Args:
        point: The point.
        names: Names of attributes, whoever holds them, and of modules.
    """
    if point.name in names:
        return True
    text = point.text
    if point.is_described or not any(name in text for name in names):
        return False  # as of nearly all
    module, _, path = text.partition(":")
    return module in names or any(name in names for name in path.split("."))


def standing(owner: Any, name: str) -> tuple[Any, bool]:
    """Return what stands under the name of a point now, and whether it stands further up than ``owner`` itself."""
    if isinstance(owner, type | types.ModuleType):
        return raw_attribute(owner, name)
    return getattr(owner, name), name not in vars(owner)


def _point(text: str, owner: Any, name: str, raw: Any, inherited: bool) -> Point:
    if isinstance(raw, type):
        return _constructor(text, raw)
    adapter = ""
    if isinstance(owner, type):
        adapter = _adapter_for(text, owner, name)
    elif not isinstance(owner, types.ModuleType):
        return _point_on_instance(text, owner, name)
    kind = kind_of(raw)
    if kind is None:
        raise TargetError(
            f"target {text} is not callable: {raw!r}",
            remedy="A fault is put on what is called: a function, method, property, class or callable object.",
        )
    return Point(text, owner, name, raw, inherited, kind, adapter=adapter)


def _constructor(text: str, cls: type) -> Point:
    """A class means its constructor: ``__init__``, set on this very class even where it is inherited."""
    cls = immutable.stand_in_of(cls)
    adapter = _adapter_for(text, cls, "__init__")
    raw, inherited = raw_attribute(cls, "__init__")
    return Point(text, cls, "__init__", raw, inherited, "constructor", adapter=adapter)


def _adapter_for(text: str, cls: type, name: str) -> str:
    """Return the name of the adapter that reaches a method, or an empty text where none is needed.

    Raises:
        TargetError: The type is immutable and has none, or the adapter does not reach this method.
    """
    if not immutable.is_immutable(cls):
        return ""
    adapter = immutable.adapter_of(cls)
    if not adapter:
        raise immutable.refusal(text, cls)
    if name.startswith("__") and (adapter, name) != ("sqlite3", "__init__"):
        raise immutable.dunder_refusal(text, cls, name)
    return adapter


def _point_on_instance(text: str, owner: Any, name: str) -> Point:
    bound = getattr(owner, name, _MISSING)
    kind = kind_of(bound)
    if kind is None:
        raise TargetError(f"target {text} is not callable: {bound!r}")
    if not hasattr(owner, "__dict__"):
        if type(bound) is types.MethodType and type(bound.__func__) is types.FunctionType:
            return Point(text, owner, name, bound, True, kind)  # its function may be spliced, and looks who is called
        raise irreplaceable(text, owner, name)
    return Point(text, owner, name, bound, name not in vars(owner), kind)


def irreplaceable(text: str, owner: Any, name: str) -> TargetError:
    """Return the refusal of a fault on one instance whose attributes cannot be replaced."""
    return TargetError(
        f"target {text}: attributes of this {type(owner).__name__} cannot be replaced",
        remedy=f"Put the fault on the class: '{type(owner).__module__}:{type(owner).__qualname__}.{name}'.",
    )


def _point_of_object(target: Target) -> Point:
    obj = target.obj
    receiver = getattr(obj, "__self__", None)
    if isinstance(obj, types.MethodType):
        if isinstance(receiver, type):
            raw, inherited = raw_attribute(receiver, obj.__name__)
            return _point(target.text, receiver, obj.__name__, raw, inherited)
        if getattr(receiver, obj.__name__, None) == obj:
            return _point_on_instance(target.text, receiver, obj.__name__)
    if isinstance(obj, types.BuiltinMethodType) and not isinstance(receiver, types.ModuleType | None):
        if not immutable.is_immutable(type(receiver)):
            return _point_on_instance(target.text, receiver, obj.__name__)
        raise immutable.bound_refusal(target.text, type(receiver), obj.__name__)
    if isinstance(obj, type):
        return _constructor(target.text, obj)
    for module in list(sys.modules.values()):
        if isinstance(module, types.ModuleType):
            for name, value in list(vars(module).items()):
                if value is obj:
                    return _point(f"{module.__name__}:{name}", module, name, obj, False)
    function = function_behind(obj)
    kind = kind_of(obj)
    if function is None or kind is None:
        raise _out_of_reach(target)
    return Point(target.text, obj, function.__name__, obj, False, kind)


def is_at_home(point: Point) -> bool:
    """Tell at once that what stands at a point belongs there; of thousands nearly all does."""
    home = point.module
    if point.kind == "constructor":
        return bool(point.owner.__module__ == home)
    function = function_behind(point.raw)
    return function is not None and function.__globals__ is getattr(sys.modules.get(home), "__dict__", None)


def function_behind(raw: Any) -> types.FunctionType | None:
    """Return the Python function whose code runs when an attribute is called, or ``None`` if it has none of its own."""
    if type(raw) is types.FunctionType:
        return raw
    if type(raw) in (staticmethod, classmethod, types.MethodType):
        raw = raw.__func__
    elif isinstance(raw, property):
        raw = raw.fget
    elif isinstance(raw, functools.cached_property):
        raw = raw.func
    return raw if type(raw) is types.FunctionType else None


def undecorated(function: types.FunctionType) -> types.FunctionType:
    """Return what a function wraps, by the last of its decorators: all that one decorator has made share its code."""
    seen = {id(function)}
    while type(inner := vars(function).get("__wrapped__")) is types.FunctionType and id(inner) not in seen:
        seen.add(id(inner))
        function = inner
    return function


def _out_of_reach(target: Target) -> TargetError:
    """Return the refusal of an object that has neither a name nor code of its own."""
    obj = target.obj
    behind: Any = obj.func if isinstance(obj, functools.partial) else inspect.getattr_static(obj, "__wrapped__", None)
    if mock_behind(obj) is not None:
        remedy = "It is a mock: let it raise by its side_effect, or put the fault on the name in which it stands."
    elif isinstance(behind, types.FunctionType):
        attribute = "func" if isinstance(obj, functools.partial) else "__wrapped__"
        remedy = f"Put the fault on the function that it calls, {target_of(behind).text}, which is its {attribute!r}."
    elif type(inspect.getattr_static(type(obj), "__call__", None)) is types.FunctionType:
        cls = type(obj)
        remedy = f"Put the fault on the method that is called: '{cls.__module__}:{cls.__qualname__}.__call__'."
    else:
        remedy = "Put the fault on the function that makes it or calls it, or give it a name in a module."
    return TargetError(
        f"target {target.text} is not an attribute of a module or class, and has no Python code of its own in which "
        "a fault could stand",
        remedy=remedy,
    )


def unspliced(text: str) -> TargetError:
    """Return the refusal of a function without a name where functions are replaced by name only."""
    return TargetError(
        f"target {text} is not an attribute of a module or class, and its code cannot be spliced here",
        remedy="Give it a name in a module, or put the fault on the function that makes it or calls it.",
    )


def _catalogue_error(text: str) -> TargetError:
    return TargetError(
        f"catalogue name {text!r}: the catalogue of library faults is not in this version yet",
        remedy="Name the function: 'package.module:Qual.name'.",
    )


# --- kinds


def kind_of(raw: Any) -> Kind | None:
    """Return what sort of callable a raw attribute is, or ``None`` if it is not callable at all."""
    if type(raw) is types.FunctionType and not (
        hasattr(raw, "__wrapped__") or hasattr(raw, "mock") or compat.is_marked(raw)
    ):
        return _kind_of_code(raw.__code__)  # of most; inspect takes long, and a glob asks of thousands
    mock = mock_behind(raw)
    if mock is not None:  # it answers to every question of inspect
        return ("coroutine" if is_awaited(mock) else "function") if callable(mock) else None
    if isinstance(raw, property):
        return "property" if raw.fget is not None else None
    if isinstance(raw, functools.cached_property):
        return "property"
    if isinstance(raw, classmethod | staticmethod):
        return kind_of(raw.__func__)
    if isinstance(raw, type):
        return "constructor"
    if not callable(raw) and not isinstance(raw, functools.partialmethod | functools.singledispatchmethod):
        return None  # also a descriptor that hands out something else than a method
    function: Any = raw.__func__ if isinstance(raw, types.MethodType) else raw
    while isinstance(function, functools.partial):
        function = function.func
    if not isinstance(function, types.FunctionType) and not _has_function_code(function):
        function = inspect.getattr_static(type(function), "__call__", function)
    wrapped = getattr(raw, "__wrapped__", None)
    if wrapped is not None and getattr(raw, "__code__", None) in _context_manager_codes():
        return "async context manager" if inspect.isasyncgenfunction(wrapped) else "context manager"
    if inspect.iscoroutinefunction(function):
        return "coroutine"
    if inspect.isasyncgenfunction(function):
        return "async generator"
    if inspect.isgeneratorfunction(function):
        return "generator"
    return "function"


def _kind_of_code(code: types.CodeType) -> Kind:
    flags = code.co_flags
    if not flags & _SUSPENDS:
        return "function"
    if flags & inspect.CO_COROUTINE:
        return "coroutine"
    if flags & inspect.CO_ASYNC_GENERATOR:
        return "async generator"
    return "generator"


_SUSPENDS = inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR | inspect.CO_GENERATOR


def _has_function_code(value: object) -> bool:
    return isinstance(getattr(value, "__code__", None), types.CodeType)


@functools.cache
def _context_manager_codes() -> frozenset[types.CodeType]:
    """The code objects of the helpers that ``contextmanager`` and ``asynccontextmanager`` make."""
    import contextlib

    @contextlib.contextmanager
    def sync_sample() -> Iterator[None]:
        yield

    @contextlib.asynccontextmanager
    async def async_sample() -> Any:
        yield

    return frozenset({sync_sample.__code__, async_sample.__code__})


# --- globs


def _points_of_glob(target: Target) -> list[Point]:
    points = list(_matching_points(target))
    cursors = {point.name for point in points if point.adapter == "sqlite3" and point.owner.__name__ == "Cursor"}
    if not cursors:
        return points

    def is_shortcut(point: Point) -> bool:
        # Connection.execute makes a cursor and calls its execute: one call, which a rule on both shall count once.
        is_connections = point.adapter == "sqlite3" and point.owner.__name__ == "Connection"
        return is_connections and point.name.startswith("execute") and point.name in cursors

    return [point for point in points if not is_shortcut(point)]


class Globs:
    """The points of globs, known for as long as nothing else stands in the names of their modules and classes.

    A test that is run again and again arms the same glob each time, and nearly always it stands for the same points.
    """

    def __init__(self) -> None:
        self._known: dict[Target, _Known] = {}

    def points(self, target: Target) -> list[Point]:
        """Return what :func:`resolve` returns.

        Raises:
            TargetError: As :func:`resolve` does.
        """
        if not target.is_glob:
            return resolve(target)
        known = self._known.get(target)
        if known is None or not known.stands():
            points = resolve(target) if known is None else known.still(resolve(target))
            self._known[target] = _Known(target.module, points)
            return points
        return known.points()


class _Place(NamedTuple):
    """Where a point is of which more is not remembered."""

    text: str
    owner: Any
    name: str


class _Known:
    """The points of a glob, and what stood in the names of its modules and their classes when they were found.

    What does not belong where it stands, as a test double, is looked at each time, and so it is not kept alive.
    """

    def __init__(self, pattern: str, points: list[Point]) -> None:
        self._pattern = pattern
        self._points = [
            point if is_written_there(point) else _Place(point.text, point.owner, point.name) for point in points
        ]
        self._loaded = list(sys.modules)
        self._modules = [(name, sys.modules[name]) for name in _loaded(pattern)]
        owners = {id(one): one for name, module in self._modules for one in (module, *_own_classes(name, module))}
        self._looks = [_Look(owner) for owner in owners.values()]
        self._inherited = [(point.owner, point.name, id(point.raw)) for point in points if point.inherited]

    def points(self) -> list[Point]:
        """Return them."""
        return [
            _point(*point, *raw_attribute(point.owner, point.name)) if isinstance(point, _Place) else point
            for point in self._points
        ]

    def stands(self) -> bool:
        """Tell whether the glob stands for these points still."""
        loaded = list(sys.modules)
        if loaded != self._loaded:
            if _loaded(self._pattern) != [name for name, _ in self._modules]:
                return False
            self._loaded = loaded
        return (
            all(sys.modules.get(name) is module for name, module in self._modules)
            and all(look.stands() for look in self._looks)
            and all(id(raw_attribute(owner, name)[0]) == raw for owner, name, raw in self._inherited)
        )

    def still(self, points: list[Point]) -> list[Point]:
        """Return points, those that were known as the same objects: that way they are told at once elsewhere."""
        mine = {point.text: point for point in self._points if isinstance(point, Point)}
        return [known if (known := mine.get(point.text)) and _are_one(known, point) else point for point in points]


def is_written_there(point: Point) -> bool:
    """Tell whether a point's callable is a plain function of the package that it is named after, or of a base's.

    One that was made inside another function, as doubles are and what decorators return, may hold anything.
    """
    function = function_behind(point.raw)
    if function is None:
        return isinstance(point.raw, types.WrapperDescriptorType | types.MethodDescriptorType)
    names = [point.module]
    if issubclass(type(point.owner), type):
        names += [str(base.__module__) for base in point.owner.__mro__]
    home = str(function.__globals__.get("__name__"))
    return (
        "<locals>" not in function.__code__.co_qualname
        and any(_package(name) == _package(home) for name in names)
        and function.__globals__ is getattr(sys.modules.get(home), "__dict__", None)
    )


def _package(module: str) -> str:
    return module.partition(".")[0]


def _are_one(one: Point, other: Point) -> bool:
    is_one_place = one.owner is other.owner and one.raw is other.raw
    return is_one_place and (one.inherited, one.kind) == (other.inherited, other.kind)


def are_same(some: Sequence[Point], others: Sequence[Point]) -> bool:
    """Tell whether points are the same one by one, be it that they were looked up again: nobody keeps doubles alive."""
    return len(some) == len(others) and all(
        one is other or (one.text == other.text and one.through == other.through and _are_one(one, other))
        for one, other in zip(some, others, strict=True)
    )


def _own_classes(name: str, module: types.ModuleType) -> Iterator[type]:
    for value in list(vars(module).values()):
        if issubclass(type(value), type) and _package(str(value.__module__)) == _package(name):
            yield value


_DATA = frozenset({bool, int, float, str, bytes, type(None), list, dict, set, tuple, frozenset})


class _Look:
    """What stands in the names of a module or class: by identity, for it is not kept alive."""

    __slots__ = ("_ids", "_names", "_owner", "_types")

    def __init__(self, owner: Any) -> None:
        self._owner = owner
        self._take()

    def _take(self) -> None:
        names = vars(self._owner)
        self._names = list(names)
        self._types = list(map(type, names.values()))
        self._ids = list(map(id, names.values()))

    def stands(self) -> bool:
        """Tell whether the same stands there still, but for data."""
        names, types_, ids = self._names, self._types, self._ids
        self._take()
        if names != self._names or types_ != self._types:
            return False
        return ids == self._ids or all(
            was == now or kind in _DATA for was, now, kind in zip(ids, self._ids, types_, strict=True)
        )


def _matching_points(target: Target) -> Iterator[Point]:
    matches = _name_matcher(target.name)
    seen: set[int | tuple[int, str]] = set()
    for module_name in _modules_of_glob(target.module):
        module = sys.modules[module_name]
        known = _DEFINED.setdefault(module, set())
        covered = set(known)  # names that the module defines, and in which something of somebody else stands now
        for name, owner, attribute, raw in _named_callables(module):
            if owner is module:
                known.add(name)
                covered.discard(name)
            if not matches(name):
                continue
            if type(raw) is types.FunctionType and owner is module:
                # As below, for most: a glob may name thousands.
                if id(raw) not in seen:
                    seen.add(id(raw))
                    yield Point(f"{module_name}:{name}", module, attribute, raw, False, kind_of(raw) or "function")
                continue
            if _is_property(raw) and target.name.rpartition(".")[2] != attribute:
                continue  # reading an attribute is not a call to most readers: only where its name is written
            try:
                inherited = isinstance(owner, type) and attribute not in vars(owner)
                point = _point(f"{module_name}:{name}", owner, attribute, raw, inherited)
            except TargetError:
                continue  # a glob takes what can be replaced
            identity = point.identity
            key = identity if identity[1] else identity[0]
            if key not in seen:
                seen.add(key)
                yield point
        for name in sorted(covered):
            raw = vars(module).get(name, _MISSING)
            if matches(name) and raw is not _MISSING and _is_called(raw):
                with contextlib.suppress(TargetError):  # as above
                    yield _point(f"{module_name}:{name}", module, name, raw, False)


_DEFINED: WeakKeyDictionary[types.ModuleType, set[str]] = WeakKeyDictionary()
"""Names that modules were seen to define: a glob means them also while a test double stands there."""


def _note_names(pattern: str) -> None:
    """Note what modules define before any fixture puts something else there; nothing is imported for that."""
    for name in _loaded(pattern):
        module = sys.modules[name]
        if module not in _DEFINED:
            _DEFINED[module] = {name for name, owner, _, _ in _named_callables(module) if owner is module}


def _modules_of_glob(pattern: str) -> list[str]:
    if not any(char in pattern for char in "*?"):
        _require_module(pattern)
        _import(pattern)
        return [pattern]
    literal = pattern.split("*")[0].split("?")[0].rpartition(".")[0]
    if literal and _module_exists(literal):
        _import(literal)
    return _loaded(pattern)


def _loaded(pattern: str) -> list[str]:
    if isinstance(sys.modules.get(pattern), types.ModuleType):
        return [pattern]
    matches = module_matcher(pattern)
    return sorted(
        name
        for name, module in list(sys.modules.items())
        if isinstance(module, types.ModuleType) and matches(name) and not _looks_like_test(name)
    )


@functools.lru_cache(maxsize=4096)
def may_name(target: Target, text: str) -> bool:
    """Tell whether a target means a function by the full name that its code gives, ``module:qualname``.

    What is defined inside a function belongs to that.
    """
    module, _, name = text.partition(":")
    if not target.is_glob:
        return target.text == text
    name = name.partition(".<locals>")[0]
    return module_matcher(target.module)(module) and fnmatch.fnmatchcase(name, target.name)


@functools.lru_cache(maxsize=256)
def module_matcher(pattern: str) -> Callable[[str], bool]:
    """Return a predicate for a module glob: ``*`` within one segment, ``**`` any number of segments."""
    pieces: list[str] = []
    for segment in pattern.split("."):
        if segment == "**":
            pieces.append(r"(?:[^.]+\.)*")
        else:
            body = "".join("[^.]*" if char == "*" else "[^.]" if char == "?" else re.escape(char) for char in segment)
            pieces.append(body + r"\.")
    compiled = re.compile("".join(pieces))
    return lambda name: compiled.fullmatch(name + ".") is not None


def _looks_like_test(module: str) -> bool:
    last = module.rpartition(".")[2]
    return last.startswith("test_") or last.endswith("_test") or last == "conftest"


def _named_callables(module: types.ModuleType) -> Iterator[tuple[str, Any, str, Any]]:
    """Yield name, owner, attribute and raw object of what a module itself defines."""
    homes = (module.__name__, _SAME_MODULE.get(module.__name__))
    for name, value in list(vars(module).items()):
        if type(value) is types.FunctionType:  # most, and all of this holds for them
            if value.__module__ in homes or _is_lent_to(value.__module__, value, module):
                yield name, module, name, value
            continue
        home = _defining_module(value)
        if home not in homes and not _is_lent_to(home, value, module):
            continue
        if issubclass(type(value), type):
            if value.__qualname__ != name:
                continue  # the class has another name and is found under it
            if not issubclass(value, BaseException):
                yield name, module, name, value
            for attribute, raw in _methods_of(value):
                if not isinstance(raw, type) and _is_called(raw):
                    yield f"{name}.{attribute}", value, attribute, raw
        elif _is_called(value):
            yield name, module, name, value


def _methods_of(cls: type) -> list[tuple[str, Any]]:
    """Return what a class itself defines; of one that only dresses up a C type, also what that type defines."""
    own = dict(vars(cls))
    if immutable.is_stand_in(cls):
        for name, raw in vars(cls.__base__).items():
            own.setdefault(name, raw)
    return list(own.items())


def _is_called(value: Any) -> bool:
    if type(value) is types.FunctionType:
        return True  # also a method of a class
    try:
        return kind_of(value) is not None
    except Exception:  # noqa: BLE001  # a proxy that has nothing to stand for yet raises when it is asked for its class
        return False


def _is_property(raw: Any) -> bool:
    return issubclass(type(raw), property | functools.cached_property)


def _defining_module(value: Any) -> Any:
    """Return where a value says it was defined; statically, for a proxy would answer for what it wraps, or raise."""
    if issubclass(type(value), type | types.FunctionType | types.BuiltinFunctionType):
        return value.__module__
    return inspect.getattr_static(value, "__module__", None)


def _is_lent_to(home: Any, value: Any, module: types.ModuleType) -> bool:
    """Tell whether a module defines what says that it is of a package above, as public names of httpx and trio do."""
    if not isinstance(home, str) or not module.__name__.startswith(home + "."):
        return False
    functions = vars(value).values() if issubclass(type(value), type) else [value]
    return any(type(one) is types.FunctionType and one.__globals__ is vars(module) for one in functions)


def _name_matcher(pattern: str) -> Callable[[str], bool]:
    """Return a predicate for a glob of names; private and special ones match only where their underscores stand."""
    expression = "".join(".*" if char == "*" else "." if char == "?" else re.escape(char) for char in pattern)
    fits = re.compile(expression).fullmatch

    def is_any(name: str, start: str) -> bool:
        return name.startswith(start) or f".{start}" in name

    has_special, has_private = is_any(pattern, "__"), is_any(pattern, "_")

    def matches(name: str) -> bool:
        if pattern != "*" and fits(name) is None:
            return False
        return has_special or "_" not in name or not is_any(name, "__" if has_private else "_")

    return matches


def _describe(obj: Any) -> str:
    if isinstance(obj, types.MethodType):
        return f"{type(obj.__self__).__qualname__} object's {obj.__name__}"
    return getattr(obj, "__qualname__", None) or type(obj).__qualname__ + " object"
