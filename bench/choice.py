"""Names on the command line, of those that there are.

In place of argparse's `choices`: with `nargs="*"`, Python 3.11.2 takes the default itself for a name that is not there.
"""

from argparse import ArgumentTypeError
from collections.abc import Callable, Collection


def one_of(names: Collection[str]) -> Callable[[str], str]:
    """A `type` for `add_argument`: takes these names, and no other."""

    def taken(text: str) -> str:
        if text not in names:
            raise ArgumentTypeError(f"there is no {text!r}, but {', '.join(names)}")
        return text

    return taken
