"""The layouts in which guarantee history comes: every module here has a `SOURCE` and is found."""

from importlib import import_module
from pkgutil import iter_modules

from vouch.book.ingest import Source


def _found() -> dict[str, Source]:
    modules = (import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__))
    return {module.SOURCE.name: module.SOURCE for module in modules}


SOURCES: dict[str, Source] = _found()
