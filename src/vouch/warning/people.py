"""Who hears of an alert: account managers of the book, and what the duty list says of people.

The duty list is a TOML file that offices keep themselves::

    [person.M1]
    email = ["wang@guarantor.cn"]     # in place of the book's
    substitute = "M2"
    supervisor = "S1"
    absent = [["2024-10-08", "2024-10-12"]]
    zone = "Asia/Urumqi"

    [institution.GR1]                 # a guarantor of the book
    supervisor = "S1"
    head_of_risk = "R1"

    [province]
    person = "P1"

What is wrong in it is left out and named; the rest holds.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import date
from email.headerregistry import Address
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from vouch.domain.alert import Alert
from vouch.domain.response import Role
from vouch.warning.notify import is_address
from vouch.warning.observe import plain_text

_MOST_SUBSTITUTES = 5  # one substitute stands in for the next; a circle ends here


@dataclass(frozen=True)
class Person:
    """Somebody who can be told; `absent` are spans of days, both included.

    `is_lost` where every mail to them comes back.
    """

    person_id: str
    name: str = ""
    emails: Sequence[str] = ()
    guarantor_id: str | None = None
    substitute: str | None = None
    supervisor: str | None = None
    absent: Sequence[tuple[date, date]] = ()
    zone: ZoneInfo | None = None
    is_lost: bool = False

    def is_absent(self, day: date) -> bool:
        """Whether they are away on a day."""
        return any(first <= day <= last for first, last in self.absent)

    @property
    def addresses(self) -> list[Address]:
        """Where mails to them go."""
        return [Address(self.name, addr_spec=email) for email in self.emails]


@dataclass(frozen=True)
class People:
    """Everybody by identifier, and who holds which office.

    `offices` has the person by guarantor and role; `faults` says what of the duty list was left
    out, `ailing` which managers have no usable address.
    """

    persons: Mapping[str, Person] = field(default_factory=dict)
    offices: Mapping[tuple[str, Role], str] = field(default_factory=dict)
    province: str | None = None
    faults: Sequence[str] = ()

    def manager(self, alert: Alert) -> Person | None:
        """The account manager of an alert, where there is one who has an address."""
        person = self.persons.get(alert.manager_id or "")
        return person if person is not None and person.emails else None

    def stand_in(self, person: Person, day: date) -> Person:
        """Who acts for a person on a day: themselves, or their substitute while they are away.

        Of somebody whose mails all come back, and who has no substitute, the next one up.
        """
        found = person
        for _ in range(_MOST_SUBSTITUTES):
            if found.emails and not found.is_absent(day):
                return found
            following = self.persons.get(found.substitute or "")
            if following is None:
                break
            found = following
        return self._above(person) if person.is_lost else person

    def _above(self, person: Person) -> Person:
        office = person.guarantor_id or ""
        names = [person.supervisor]
        names += [self.offices.get((office, role)) for role in (Role.SUPERVISOR, Role.HEAD_OF_RISK)]
        found = (self.persons.get(name or "") for name in [*names, self.province])
        return next((one for one in found if one is not None and one.emails), person)

    def holder(self, role: Role, alert: Alert, day: date) -> Person | None:
        """Who holds a role towards an alert on a day; where nobody does, the next role up."""
        roles = list(Role)
        for wanted in roles[roles.index(role) :]:
            person = self._holder(wanted, alert)
            if person is not None and person.emails:
                return self.stand_in(person, day)
        return None

    def office(self, role: Role, guarantor_id: str | None) -> str | None:
        """The identifier of who holds an office at an institution, or the next one up.

        Absent or not: who stands in is settled when they are told.
        """
        roles = list(Role)
        for wanted in roles[roles.index(role) :]:
            is_top = wanted is Role.PROVINCE
            name = self.province if is_top else self.offices.get((guarantor_id or "", wanted))
            person = self.persons.get(name or "")
            if person is not None and person.emails:
                return name
        return None

    def _holder(self, role: Role, alert: Alert) -> Person | None:
        manager = self.persons.get(alert.manager_id or "")
        institution = (manager.guarantor_id if manager else None) or alert.guarantor_id or ""
        if role is Role.PROVINCE:
            name = self.province
        elif role is Role.MANAGER:
            name = alert.manager_id
        elif role is Role.SUBSTITUTE:
            name = manager.substitute if manager else None
        else:
            name = self.offices.get((institution, role))
            if role is Role.SUPERVISOR and manager is not None:
                name = manager.supervisor or name
        return self.persons.get(name or "")


def people(
    managers: Sequence[Mapping[str, Any]], duty_list: Path | None, dead: Set[str] = frozenset()
) -> People:
    """The account managers of the book, changed and completed by the duty list.

    Args:
        dead: addresses from which mails come back; nobody is written to there.
    """
    persons = {row["manager_id"]: _of_book(row) for row in managers}
    faults: list[str] = []
    body = _read(duty_list, faults)
    for name, given in _tables(body, "person", faults):
        base = persons.get(name, Person(name))
        persons[name] = _listed(base, given, f"{duty_list} [person.{name}]", faults)
    for name, person in persons.items():
        lost = sorted(dead & set(person.emails))
        if lost:
            faults.append(f"mails to {', '.join(lost)} come back: {name} is not written to there")
            left = [email for email in person.emails if email not in dead]
            persons[name] = replace(person, emails=left, is_lost=not left)
    offices = {}
    for name, given in _tables(body, "institution", faults):
        for role in (Role.SUPERVISOR, Role.HEAD_OF_RISK):
            if given.get(role.value):
                offices[name, role] = str(given[role.value])
    province = body.get("province", {})
    province_id = province.get("person") if isinstance(province, Mapping) else None
    named = {*offices.values(), *([province_id] if province_id else [])}
    faults += [f"{duty_list}: nobody is called {who!r}" for who in sorted(named - persons.keys())]
    return People(persons, offices, province_id, tuple(faults))


def _of_book(row: Mapping[str, Any]) -> Person:
    emails = [row["email"]] if is_address(row["email"]) else []
    name = plain_text(row["name"])
    return Person(row["manager_id"], name, emails, row.get("guarantor_id"))


def _read(path: Path | None, faults: list[str]) -> Mapping[str, Any]:
    if path is None or not path.exists():
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        faults.append(f"the duty list {path} cannot be read: {error}")
        return {}


def _tables(
    body: Mapping[str, Any], key: str, faults: list[str]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, given in (body.get(key) or {}).items():
        if isinstance(given, Mapping):
            yield name, given
        else:
            faults.append(f"the duty list: [{key}.{name}] must be a table")


def _listed(base: Person, given: Mapping[str, Any], place: str, faults: list[str]) -> Person:
    person = replace(
        base,
        name=plain_text(str(given.get("name", base.name))),
        substitute=given.get("substitute", base.substitute),
        supervisor=given.get("supervisor", base.supervisor),
        guarantor_id=given.get("institution", base.guarantor_id),
    )
    if "email" in given:
        listed = given["email"] if isinstance(given["email"], list) else [given["email"]]
        faults += [f"{place}: {e!r} is no address" for e in listed if not is_address(e)]
        person = replace(person, emails=[e for e in listed if is_address(e)])
    if "zone" in given:
        person = replace(person, zone=_zone(given["zone"], place, faults))
    return replace(person, absent=tuple(_spans(given.get("absent", []), place, faults)))


def _zone(name: Any, place: str, faults: list[str]) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, TypeError, OSError):
        faults.append(f"{place}: there is no time zone {name!r}; the general one is used")
        return None


def _spans(given: Any, place: str, faults: list[str]) -> Iterator[tuple[date, date]]:
    for span in given if isinstance(given, list) else [given]:
        try:
            first, last = (date.fromisoformat(day) for day in span)
        except (ValueError, TypeError):
            faults.append(f'{place}: absent {span!r} is no ["YYYY-MM-DD", "YYYY-MM-DD"]')
        else:
            yield first, last
