"""Lifelike texts: another text that looks like a given one, made by faker.

The only module that knows faker; it is imported where a text is first made, because most runs make none.
"""

from __future__ import annotations

import datetime
import random
import re
import string
import uuid
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from faker import Faker

_TRIES = 20  # a short flavour, such as one digit, may draw the same text again
_MOST_WORDS = 200  # of a sentence; the rest of a book is left away


class Texts:
    """Makes texts; equal seeds make equal texts in equal order.

    Args:
        seed: Any whole number.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._random = random.Random(seed)
        self._flavours: tuple[tuple[re.Pattern[str], Callable[[str], str]], ...] = (
            (re.compile(r"\s*"), lambda text: self.word()),
            (re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?"), self._number),
            (re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"), self._uuid),
            (re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9]{2}:.*)?"), self._date),
            (re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+"), lambda text: self._faker.email()),
            (re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S+"), self._url),
            (re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}"), lambda text: self._faker.ipv4()),
            (re.compile(r"(?=.*[0-9])(?:[0-9a-f]{8,}|[0-9A-F]{8,})"), self._hexadecimal),
            (re.compile(r"[a-z]{3,}"), lambda text: self.word()),
            (re.compile(r"[A-Z][a-z]+"), lambda text: self._faker.first_name()),
            (re.compile(r"[A-Z][a-z]+ [A-Z][a-z]+"), self._name),
            (re.compile(r".*\S\s+\S.*", re.DOTALL), self._sentence),
        )

    @cached_property
    def _faker(self) -> Faker:
        from faker import Faker

        made = Faker("en_US")
        made.seed_instance(self._seed)
        return made

    def like(self, text: str) -> str:
        """Return another text of the same flavour: e-mail address, URL, UUID, date, number, name, sentence ...

        A text of no flavour keeps its pattern: ``ORDER-7b`` becomes another five letters, a digit and a letter.
        """
        make = next((make for pattern, make in self._flavours if pattern.fullmatch(text)), self._pattern)
        for _ in range(_TRIES):
            made = make(text)
            if made != text:
                return made
        return text + self._random.choice(string.ascii_lowercase)

    def word(self) -> str:
        """Return a plain word."""
        return str(self._faker.word())

    def _name(self, text: str) -> str:
        return f"{self._faker.first_name()} {self._faker.last_name()}"

    def _number(self, text: str) -> str:
        """Other digits, as many as before; no leading zero where there was none."""
        made = self._pattern(text)
        first = next(index for index, char in enumerate(text) if char in string.digits)
        if text[first] != "0" and made[first] == "0":
            made = made[:first] + self._random.choice("123456789") + made[first + 1 :]
        return made

    def _uuid(self, text: str) -> str:
        made = str(uuid.UUID(int=self._random.getrandbits(128), version=4))
        return made.upper() if text != text.lower() else made

    def _date(self, text: str) -> str:
        """Another day of the years 1990 to 2039; the time of day, where there is one, stays as it is written."""
        day = datetime.date(1990, 1, 1) + datetime.timedelta(days=self._random.randrange(50 * 365))
        return day.isoformat() + text[10:]

    def _url(self, text: str) -> str:
        """Another host and path of as many parts, under the same scheme."""
        scheme, _, rest = text.partition("://")
        parts = [self.word() if part else "" for part in rest.partition("?")[0].split("/")[1:]]
        return "/".join([f"{scheme}://{self._faker.domain_name()}", *parts])

    def _hexadecimal(self, text: str) -> str:
        made = "".join(self._random.choices("0123456789abcdef", k=len(text)))
        return made if text == text.lower() else made.upper()

    def _sentence(self, text: str) -> str:
        count = min(len(text.split()), _MOST_WORDS)
        made = str(self._faker.sentence(nb_words=count, variable_nb_words=False))
        made = made if text.rstrip().endswith(".") else made.removesuffix(".")
        return made if text[:1].isupper() else made[:1].lower() + made[1:]

    def _pattern(self, text: str) -> str:
        """Another letter for each letter and another digit for each digit; all other characters stay."""
        return "".join(self._char(char) for char in text)

    def _char(self, char: str) -> str:
        if char.isdecimal():
            return self._random.choice(string.digits)
        if char.isupper():
            return self._random.choice(string.ascii_uppercase)
        return self._random.choice(string.ascii_lowercase) if char.isalpha() else char
