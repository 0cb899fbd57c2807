"""Errors that routes, dependencies and middleware declare, which the API documentation lists.

`raises` declares them beside the code that raises them, `declared_errors` collects those of a route and of all that is
injected into it. The server of the tests refuses an answer with an error that its route does not declare.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar, get_args, get_type_hints

from fastapi.params import Depends

Target = TypeVar("Target", bound=Callable[..., Any])
_KINDS, _EXEMPT = "__declared_errors__", "__exempt_paths__"


def raises(*kinds: type[Exception], except_under: tuple[str, ...] = ()) -> Callable[[Target], Target]:
    """Declare the errors of a route, dependency or middleware, beside those of what is injected.

    What is wrong with a body or a parameter as such need not be declared: every route that takes one can find it so.
    except_under: beginnings of paths that a middleware lets pass.

    >>> @raises(LookupError)
    ... def find(name: str) -> str: ...
    >>> declared_errors(find)
    frozenset({<class 'LookupError'>})
    """

    def declare(target: Target) -> Target:
        setattr(target, _KINDS, frozenset(kinds))
        setattr(target, _EXEMPT, except_under)
        return target

    return declare


def declared_errors(target: Callable[..., Any]) -> frozenset[type[Exception]]:
    """Return the errors that a route or a dependency declares, and those of what is injected into it."""
    own: frozenset[type[Exception]] = getattr(target, _KINDS, frozenset())
    return own.union(*map(declared_errors, _dependencies(target)))


def middleware_errors(middleware: Callable[..., Any], path: str) -> frozenset[type[Exception]]:
    """Return the errors that a middleware declares for requests to `path`."""
    is_exempt = path.startswith(getattr(middleware, _EXEMPT, ()))
    return frozenset() if is_exempt else getattr(middleware, _KINDS, frozenset())


def _dependencies(target: Callable[..., Any]) -> Iterator[Callable[..., Any]]:
    """Yield the dependency of each parameter `Annotated[..., Depends(dependency)]` of a function."""
    for hint in get_type_hints(target, include_extras=True).values():
        for note in get_args(hint)[1:]:
            if isinstance(note, Depends) and note.dependency is not None:
                yield note.dependency
