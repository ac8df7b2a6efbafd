"""The shapes of the knowledge base. Texts are one paragraph, in Markdown with `code` and nothing else."""

from typing import Final

import msgspec

# Products that have notes, in the order in which they are shown.
PRODUCTS: Final = {
    "asterisk": "Asterisk (PJSIP)",
    "freeswitch": "FreeSWITCH",
    "kamailio": "Kamailio",
    "opensips": "OpenSIPS",
    "sbc": "SBCs and routers",
}


class Cause(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One reason for a finding, the likeliest of an article first."""

    why: str
    confirm: str  # a command, or a place to look
    fix: str
    variants: tuple[str, ...] = ()  # of the finding (`Finding.variant`) for which it is the likeliest


class Article(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is known of one finding."""

    title: str  # what happened, in the words of an operator
    means: str
    users: str  # what they notice
    causes: tuple[Cause, ...]
    products: dict[str, str] = {}  # a key of `PRODUCTS` → what to look at or set there


class Status(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is known of a status code."""

    name: str  # as registered with IANA
    source: str  # the RFC and section
    means: str  # in practice
    look: str  # where; "" where there is nothing to look for


def ordered(article: Article, variant: str) -> tuple[Cause, ...]:
    """The causes in order of likelihood given the form that the finding has; other forms' causes are left out.

    Without a variant, or with one that no cause names, all of them.
    """
    telling = [cause for cause in article.causes if variant in cause.variants]
    if not telling:
        return article.causes
    return (*telling, *(cause for cause in article.causes if not cause.variants))
