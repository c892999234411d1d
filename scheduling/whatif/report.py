"""The answer as JSON (docs/capacity.md has its fields), and as tables for the manager of a clinic."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from textwrap import wrap
from typing import Any

from scheduling.engine import SeatMinutes
from scheduling.whatif.answer import Answer
from scheduling.whatif.bottleneck import Bottleneck
from scheduling.whatif.figures import Group, Need, Use, Week
from scheduling.words import count_of, name_code, say_date

HEAD = 12
"""How wide a column's head may be before it takes another line."""
WIDE = 96
"""How wide the table of the weeks may be before further columns stand below."""


def write_answer(answer: Answer) -> dict[str, Any]:
    """In codes and numbers, the same for the same answer."""
    question = answer.question
    return {
        "format": "what-if/1",
        "site": question.site.code,
        "start_on": question.start_on.isoformat(),
        "latest_start_on": question.latest_on.isoformat(),
        "added": [{"kind": kind, "skills": list(skills), "number": n} for kind, skills, n in question.added],
        "closed": [day.isoformat() for day in question.closed],
        "visits_on_closed_days": answer.stranded,
        "referrals": [_write_group(group) for group in answer.groups],
        "weeks": [_write_week(week) for week in answer.weeks],
        "use": [_write_use(use, answer) for use in answer.use],
        "bottleneck": _write_bottleneck(answer.bottleneck, answer) if answer.bottleneck else None,
        "complete": not answer.cut_short,
    }


def _write_group(group: Group) -> dict[str, Any]:
    days = {name: getattr(group, name) for name in ("first_start", "last_start", "last_visit")}
    written = {f"{name}_on": day.isoformat() if day else None for name, day in days.items()}
    shut = [{"first_on": first.isoformat(), "last_on": last.isoformat()} for first, last in group.shut]
    counts = {"asked": group.asked, "fit": group.fit}
    return {"protocol": group.code, "name": group.name, **counts, **written, "no_start": shut}


def _write_week(week: Week) -> dict[str, Any]:
    use = [{**_write_need(use.need), **_write_minutes(use)} for use in week.use]
    days = {"first_on": week.first_on.isoformat(), "last_on": week.last_on.isoformat()}
    return {**days, "started": week.started, "finished": week.finished, "use": use}


def _write_use(use: Use, answer: Answer) -> dict[str, Any]:
    return {**_write_need(use.need), "name": _name_need(use.need, answer), **_write_minutes(use)}


def _write_need(need: Need) -> dict[str, Any]:
    return {"kind": need.kind, "skill": need.skill}


def _write_minutes(use: Use) -> dict[str, Any]:
    return {"before": _minutes(use.before), "after": _minutes(use.after)}


def _minutes(minutes: SeatMinutes) -> dict[str, int]:
    return {"held_minutes": minutes.held, "open_minutes": minutes.open}


def _write_bottleneck(short: Bottleneck, answer: Answer) -> dict[str, Any]:
    return {
        **_write_need(short.need),
        "name": _name_need(short.need, answer),
        "further_courses": short.further,
        "use_at_wished_hours": short.share,
    }


# In words


def draw_answer(answer: Answer) -> Iterator[str]:
    """The lines of the report."""
    yield f"What if, at {answer.question.site}? Nothing is booked or changed."
    yield ""
    yield from _draw_question(answer)
    yield ""
    if answer.groups:
        yield from _draw_groups(answer)
        yield ""
    yield from _draw_weeks(answer)
    yield ""
    yield from _draw_use(answer)
    yield ""
    yield "Before is what is booked today. After is the same with the change and the referrals that fit."
    if answer.bottleneck:
        yield _say_bottleneck(answer.bottleneck, answer)
    if answer.cut_short:
        yield ""
        yield "The time ran out before everything was tried: more may fit. Give more with --time-limit."


def _draw_question(answer: Answer) -> Iterator[str]:
    question = answer.question
    for kind, skills, number in question.added:
        names = f" ({', '.join(name_code(skill) for skill in skills)})" if skills else ""
        yield f"  Added      {number} x {_name_kind(kind, answer)}{names}"
    for first, last in _spans(question.closed):
        yield f"  Closed     {_say_span(first, last)}"
    if answer.stranded:
        visits, whose = count_of(answer.stranded, "booked visit"), "its" if answer.stranded == 1 else "their"
        yield f"             {visits} on these days would have to be moved; {whose} time is not counted below."
    for group in answer.groups:
        yield f"  Referrals  {group.asked} x {group.name}"
    starts = "To start" if answer.groups else "Weeks"
    yield f"  {starts:<10} {_say_span(question.start_on, question.latest_on)}"


def _spans(days: Sequence[date]) -> list[tuple[date, date]]:
    """Days on end as spans."""
    found: list[tuple[date, date]] = []
    for day in days:
        if found and (day - found[-1][1]).days == 1:
            found[-1] = (found[-1][0], day)
        else:
            found.append((day, day))
    return found


def _say_span(first: date, last: date) -> str:
    return say_date(first) if first == last else f"{say_date(first)} to {say_date(last)}"


def _draw_groups(answer: Answer) -> Iterator[str]:
    yield "All courses fit." if answer.fit == answer.asked else f"{answer.fit} of {answer.asked} courses fit."
    yield ""
    rows: list[tuple[str, ...]] = [("Protocol", "Fit", "First course starts", "Last course starts", "Last visit")]
    for group in answer.groups:
        days = (group.first_start, group.last_start, group.last_visit)
        rows.append((group.name, f"{group.fit} of {group.asked}", *(say_date(day) if day else "-" for day in days)))
    yield from _table(rows, left=1)
    for group in answer.groups:
        if group.shut:
            when = " or ".join(_say_span(first, last) for first, last in group.shut)
            yield ""
            yield f"  {group.name}: however empty the clinic, the opening hours, closed days and"
            yield f"  resources leave no course that starts {when}."


def _draw_weeks(answer: Answer) -> Iterator[str]:
    """Use in the weeks, of the kinds that matter to the question."""
    needs = answer.needed or tuple(use.need for use in answer.use if use.before.held)
    if answer.groups:
        yield "Week by week: courses started and finished by its end,"
        yield "and the share of the open hours that is held, before -> after"
    else:
        yield "Week by week: the share of the open hours that is held, before -> after"
    yield ""
    courses = ("Started", "Finished") if answer.groups else ()
    rows: list[tuple[str, ...]] = [("Week of", *courses, *(_name_need(need, answer) for need in needs))]
    for week in answer.weeks:
        use = {one.need: one for one in week.use}
        if not any(one.before.open or one.after.open for one in week.use):
            continue
        counts = (str(week.started), str(week.finished)) if answer.groups else ()
        rows.append((say_date(week.first_on), *counts, *(_say_change(use.get(need)) for need in needs)))
    yield from _in_blocks(rows)


def _draw_use(answer: Answer) -> Iterator[str]:
    yield "Over all weeks: hours held, of the hours that the seats are open"
    yield ""
    rows: list[tuple[str, ...]] = [("Kind", "Before", "", "After", "", "Fullest week")]
    for use in answer.use:
        if use.before.open or use.after.open:
            fullest = max((_share_in(week, use.need), -i) for i, week in enumerate(answer.weeks))
            rows.append(
                (
                    _name_need(use.need, answer),
                    _say_hours(use.before),
                    _say_share(use.before),
                    _say_hours(use.after),
                    _say_share(use.after),
                    f"{fullest[0]:.0%} from {say_date(answer.weeks[-fullest[1]].first_on)}" if fullest[0] else "-",
                )
            )
    yield from _table(rows, left=1)


def _share_in(week: Week, need: Need) -> float:
    return next((use.after.share for use in week.use if use.need == need), 0.0)


def _say_change(use: Use | None) -> str:
    if use is None:
        return "-"
    before, after = _say_share(use.before), _say_share(use.after)
    return after if before == after else f"{before} -> {after}"


def _say_share(minutes: SeatMinutes) -> str:
    return f"{minutes.share:.0%}" if minutes.open else "closed"


def _say_hours(minutes: SeatMinutes) -> str:
    digits = 0 if minutes.open >= 6000 else 1
    return f"{minutes.held / 60:,.{digits}f} of {minutes.open / 60:,.{digits}f} h"


def _say_bottleneck(short: Bottleneck, answer: Answer) -> str:
    name, share = _name_need(short.need, answer), f"{short.share:.0%}"
    if short.further:
        return f"Bottleneck: {name}. One more would let {count_of(short.further, 'further course')} fit."
    used = f"The tightest is {name}: at the hours that the patients wish, {share} of its time is held."
    if answer.fit == answer.asked or answer.cut_short:
        return used
    return f"No single seat more would let a further course fit. {used}"


def _name_kind(kind: str, answer: Answer) -> str:
    return answer.kinds.get(kind, name_code(kind))


def _name_need(need: Need, answer: Answer) -> str:
    skill = f" ({name_code(need.skill)})" if need.skill else ""
    return f"{_name_kind(need.kind, answer)}{skill}"


def _table(rows: Sequence[Sequence[str]], *, left: int) -> Iterator[str]:
    """Columns as wide as their cells need, the first `left` ones to the left; long heads take several lines."""
    body, widths = rows[1:], _widths(rows)
    heads = [wrap(head, width) for head, width in zip(rows[0], widths, strict=True)]
    deep = max(len(lines) for lines in heads)
    top = ([([""] * deep + lines)[-deep:][level] for lines in heads] for level in range(deep))
    for row in [*top, *body]:
        cells: Iterable[str] = (
            cell.ljust(width) if i < left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        yield "  " + "  ".join(cells).rstrip()


def _widths(rows: Sequence[Sequence[str]]) -> list[int]:
    widths = []
    for i, head in enumerate(rows[0]):
        words = [HEAD, *(len(word) for word in head.split()), *(len(row[i]) for row in rows[1:])]
        widths.append(max(words) if len(head) > HEAD else max(len(head), *words[1:]))
    return widths


def _in_blocks(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """A table; columns that do not fit beside the others stand below, with the first column again."""
    widths = _widths(rows)
    blocks = [[0]]
    for i in range(1, len(widths)):
        if len(blocks[-1]) > 1 and sum(widths[j] + 2 for j in (*blocks[-1], i)) > WIDE:
            blocks.append([0])
        blocks[-1].append(i)
    for number, block in enumerate(blocks):
        if number:
            yield ""
        yield from _table([[row[i] for i in block] for row in rows], left=1)
