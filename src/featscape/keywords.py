"""Use the fields of a dataclass as the keywords of a function and the options of a command.

The decorator `takes` gives a function the fields of a dataclass as keywords. A type checker sees
the keywords (PEP 612), and the docstring lists the keywords.
"""

from __future__ import annotations

import difflib
import inspect
from dataclasses import dataclass, fields
from functools import wraps
from typing import TYPE_CHECKING, ParamSpec, TypeVar, Union, get_args, get_origin, get_type_hints

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

P = ParamSpec("P")
Options = TypeVar("Options")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Help:
    """The description of an option.

    Attributes
    ----------
    text : str
        What the option does, for the docstring and for ``--help``.
    metavar : str or None
        The name of the value in ``--help``; None for flags.
    flag : str or None
        The option of the command line; by default the field's name with hyphens.
    default : str or None
        The default in words, where the field's default is None.
    on_command_line : bool
        False for options of the Python interface only.
    """

    text: str
    metavar: str | None = None
    flag: str | None = None
    default: str | None = None
    on_command_line: bool = True


def describe(options: type) -> Iterator[tuple[inspect.Parameter, Help]]:
    """Yield each option of a dataclass as a parameter with its type and default, and its help.

    The class's own options come first, then the inherited options.
    """
    hints = get_type_hints(options, include_extras=True)
    named = {one.name: one for one in fields(options)}
    own = [named[name] for name in vars(options)["__annotations__"] if name in named]
    inherited = [one for one in named.values() if one not in own]
    signature = inspect.signature(options).parameters
    for one in (*own, *inherited):
        annotation, text = hints[one.name].__origin__, hints[one.name].__metadata__[0]
        yield signature[one.name].replace(annotation=annotation), text


def takes(
    options: Callable[P, Options],
) -> Callable[[Callable[[Options], Result]], Callable[P, Result]]:
    """Return a decorator that gives a function the fields of an options record as parameters.

    The decorated function builds the record, which checks the options, and calls the original
    function with the record. The list of parameters in the docstring is generated.

    Parameters
    ----------
    options : type
        A dataclass whose fields are annotated with `Help`.
    """

    def decorate(function: Callable[[Options], Result]) -> Callable[P, Result]:
        described = list(describe(options))  # type: ignore[arg-type]  # a dataclass is a callable
        names = [parameter.name for parameter, _ in described]

        @wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> Result:
            for name in kwargs.keys() - names:
                near = difflib.get_close_matches(name, names, 1)
                hint = f". Did you mean {near[0]!r}?" if near else ""
                raise TypeError(
                    f"{function.__name__}() got an unexpected keyword argument {name!r}{hint}"
                )
            return function(options(*args, **kwargs))

        own = inspect.signature(function)
        parameters = [parameter for parameter, _ in described]
        vars(call)["__signature__"] = own.replace(parameters=parameters)
        call.__doc__ = _with_parameters(function.__doc__ or "", described)
        return call

    return decorate


def _with_parameters(docstring: str, described: list[tuple[inspect.Parameter, Help]]) -> str:
    """Insert the section of parameters before the first section of a NumPy-style docstring."""
    lines = ["Parameters", "----------"]
    for parameter, text in described:
        annotation = inspect.formatannotation(parameter.annotation)
        if get_origin(parameter.annotation) is Union:  # the form of a union with a Literal
            annotation = " | ".join(map(inspect.formatannotation, get_args(parameter.annotation)))
        lines.append(f"{parameter.name} : {_name_type(annotation)}")
        if parameter.default is not inspect.Parameter.empty:
            lines[-1] += f", default: {text.default or repr(parameter.default)}"
        lines.append(f"    {text.text}")
    head, title, rest = inspect.cleandoc(docstring).partition("Returns\n-------")
    return "".join((head, "\n".join(lines), "\n\n", title, rest))


def _name_type(annotation: str) -> str:
    """Return the words of a docstring for a type."""
    annotation = annotation.replace("str | os.PathLike[str]", "path")
    annotation = annotation.replace("featscape.collection.Collection", "sequence or dataset")
    annotation = annotation.replace("featscape.collection.Array", "array")
    annotation = annotation.replace("featscape.collection.Columns", "DataFrame or mapping")
    return annotation.replace("collections.abc.Sequence[object]", "sequence")
