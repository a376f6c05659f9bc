"""A life is drawn from its seed before it begins: who comes when, what breaks, who misbehaves. Each life has a
character: some are quiet, some are haunted by one thing, some by many.
"""

from __future__ import annotations

from random import Random
from typing import NamedTuple

from tests.hardship.blows import ONCE, QUESTIONS
from tests.lab.lives import credentials, programs
from tests.lab.lives.acts import DAY_MS, HOUR_MS, KEYS, MINUTE_MS, NOISE, Act, is_dated
from tests.world.wallbox import TAG

CABLES = (13, 20, 32)
TAGS = (TAG, TAG, TAG, "0B0B0B0B", "CARD1", "STRANGER")
FAULTS = (
    *("cp-short", "pe-lost", "pilot-no-minus", "pilot-stuck", "pilot-noisy", "adc-stuck", "adc-gone"),
    *("contactor-welded", "contactor-dead", "contactor-slow", "coil-unfed", "aux-open", "aux-closed"),
    *("residual", "reader-gone", "lock-stuck", "pp-broken", "pp-short", "lost", "phase-lost", "grid-low"),
    *("meter-silent", "meter-nan", "meter-backwards", "meter-zero", "meter-scaled", "meter-stuck", "meter-swapped"),
    *("gate-stuck", "phases-stuck", "phases-welded", "enclosure-thermometer-gone"),
    *("input-emergency-stop-gone", "input-grid-dim-gone"),
)
CONTACTS = ("emergency-stop", "earth-lost", "enclosure-open", "grid-dim", "switched-off", "button")
CELSIUS = (40, 66, 69, 72)
MANNERS = ("never-stops", "greedy", "overdraws", "toggles", "simplified", "ventilated", "asleep", "no-diode", "short")
ACTIONS = (
    "Authorize",
    "BootNotification",
    "Heartbeat",
    "MeterValues",
    "StartTransaction",
    "StatusNotification",
    "StopTransaction",
)
SHORT_MS = 15 * MINUTE_MS
CLOCK_LIVES = 6  # one of so many lives is about clocks, and lived twice
OFTEN, SELDOM = (0, 0, 1, 3, 8, 25), (0, 0, 0, 1, 3)


class Character(NamedTuple):
    """What a world is made with."""

    evses: int
    phase_ms: int
    free: bool
    presets: dict[str, str]
    switches_phases: bool = False
    secured: bool = False


def character(seed: int) -> Character:
    """Of the life with that seed."""
    chance = Random(f"character {seed}")
    presets = {
        "SampledDataCtrlr.TxUpdatedInterval": chance.choice(("0", "30", "60", "300")),
        "AlignedDataCtrlr.Interval": chance.choice(("0", "0", "900")),
        "OCPPCommCtrlr.MessageTimeout": "10",
        "OCPPCommCtrlr.MessageAttempts": "5",
        "OCPPCommCtrlr.MessageAttemptInterval": "20",
    }
    evses, phase_ms, free = chance.choice((1, 1, 2)), chance.randrange(10), chance.random() < 0.1
    return Character(evses, phase_ms, free, presets, chance.random() < 0.3, chance.random() < 0.3)


def story(seed: int, days: int) -> list[Act]:
    """All that will happen."""
    chance, made = Random(f"story {seed}"), character(seed)
    haunts = {kind: chance.choice(often) for kind, (often, _) in HAUNTS.items()}
    acts: list[Act] = []
    for day in range(days):
        for evse in range(1, made.evses + 1):
            at = day * DAY_MS + chance.randrange(HOUR_MS)
            while at < (day + 1) * DAY_MS - 4 * HOUR_MS:
                acts += visit(chance, evse, at)
                at = acts[-1].at_ms + chance.randrange(MINUTE_MS, 12 * HOUR_MS)
        moments = [act.at_ms for act in acts if act.at_ms >= day * DAY_MS] or [day * DAY_MS]
        for kind, often in haunts.items():
            for _ in range(chance.randint(0, often)):
                near = chance.choice(moments) + chance.randint(-5_000, 30_000)
                at = near if chance.random() < 0.7 else day * DAY_MS + chance.randrange(DAY_MS)
                acts += HAUNTS[kind][1](chance, max(at, 0), chance.randint(1, made.evses))
    return _in_order(_of_clocks(seed, acts))


def dense(seed: int) -> list[Act]:
    """A quarter of an hour or so in which much happens at once, near to what else happens."""
    chance, made = Random(f"dense {seed}"), character(seed)
    acts: list[Act] = []
    for evse in range(1, made.evses + 1):
        at = chance.randrange(MINUTE_MS)
        for _ in range(2):
            comes = visit(chance, evse, at)
            if comes[-1].at_ms - at < SHORT_MS:
                acts += comes
                at = comes[-1].at_ms + chance.randrange(1_000, 2 * MINUTE_MS)
    acts = acts or [Act(5_000, "plug-in", (1, 20)), Act(8_000, "swipe", (1, TAG)), Act(5 * MINUTE_MS, "tear-out", (1,))]
    end_ms, moments = max(act.at_ms for act in acts), [act.at_ms for act in acts]
    for _ in range(chance.choice((2, 4, 8, 14))):
        near = max(0, chance.choice(moments) + chance.randint(-5_000, 30_000))
        haunted = HAUNTS[chance.choice(list(HAUNTS))][1](chance, near, chance.randint(1, made.evses))
        acts += [act for act in haunted if act.at_ms <= max(end_ms, near) + SHORT_MS]
        moments.append(near)
    return _in_order(_of_clocks(seed, acts))


def _of_clocks(seed: int, acts: list[Act]) -> list[Act]:
    """Of some lives: what is dated is left out, so that clocks must change nothing, and they step while people are
    there (I10).
    """
    if seed % CLOCK_LIVES:
        return acts
    chance = Random(f"clocks {seed}")
    steps = [_clocks(chance, chance.choice(acts).at_ms + chance.randint(0, 30_000), 1) for _ in range(3)]
    return [*(act for act in acts if not is_dated(act)), *(act for step in steps for act in step)]


def _in_order(acts: list[Act]) -> list[Act]:
    return sorted(acts, key=lambda act: (act.at_ms, act.name, repr(act.args)))


def visit(chance: Random, evse: int, at: int) -> list[Act]:
    """A driver with habits: comes, shows a card or forgets it, stays, goes in one of many ways."""
    tag, swipe_ms = chance.choice(TAGS), chance.choice((-4_000, 2_000, 9_000, 50_000))
    stays_ms = chance.choice((20_000, 90_000, 10 * MINUTE_MS, HOUR_MS, 3 * HOUR_MS)) + chance.randrange(20_000)
    acts = [Act(at + 5_000, "plug-in", (evse, chance.choice(CABLES))), Act(at + 5_000 + swipe_ms, "swipe", (evse, tag))]
    if chance.random() < 0.3:
        acts.append(Act(at + stays_ms // 2, "car", (evse, chance.choice(("stop", "full")))))
        acts.append(Act(at + stays_ms // 2 + 60_000, "car", (evse, chance.choice(("resume", "drive")))))
    end, goes = at + 60_000 + stays_ms, chance.random()
    if goes < 0.7:
        acts.append(Act(end, "swipe", (evse, tag)))
    if goes > 0.9:
        acts.append(Act(end + 1_000, chance.choice(("tear-out", "leave")), (evse,)))
    acts.append(Act(end + 15_000, "car", (evse, "drive")))
    return [*acts, Act(end + 20_000, "unplug", (evse,)), Act(end + 60_000, "tear-out", (evse,))]


def _people(chance: Random, at: int, evse: int) -> list[Act]:
    return [
        Act(at + chance.randrange(3_000), "swipe", (evse, chance.choice(TAGS))),
        Act(at + chance.randrange(3_000), chance.choice(("tear-out", "leave", "unplug")), (evse,)),
        Act(at + chance.randrange(3_000), "car", (evse, chance.choice(("stop", "resume", "full", "drive")))),
    ][: chance.randint(1, 3)]


def _breaks(chance: Random, at: int, evse: int) -> list[Act]:
    lasts = chance.choice((50, 400, 3_000, 20_000, 5 * MINUTE_MS))
    if chance.random() < 0.3:
        name = chance.choice(MANNERS)
        return [Act(at, "manner", (evse, name, "on")), Act(at + lasts, "manner", (evse, name, "off"))]
    name = chance.choice(FAULTS)
    return [Act(at, "breaks", (evse, name)), Act(at + lasts, "mends", (evse, name))]


def _processes(chance: Random, at: int, evse: int) -> list[Act]:
    which = chance.choice(("kill-evsed", "kill-hal", "stall-hal", "strike"))
    if which == "strike":
        return [Act(at, which, (chance.choice(("evsed", "hal")), chance.randint(1, 8)))]
    seconds = chance.choice((0.2, 0.5, 2)) if which == "stall-hal" else chance.choice((0.5, 0.5, 2, 8, 100))
    return [Act(at, which, (seconds,))]


def _power(chance: Random, at: int, evse: int) -> list[Act]:
    which = chance.random()
    if which < 0.4:
        return [Act(at, "power", (chance.choice((0.5, 3, 60, 1_800)),))]
    if which < 0.8:
        return [Act(at, "strike", ("power", chance.randint(1, 8)))]
    return [Act(at, "tear", (chance.randrange(100),))]


def _disk(chance: Random, at: int, evse: int) -> list[Act]:
    lasts = chance.choice((500, 15_000, 10 * MINUTE_MS))
    return [Act(at, "disk", (chance.choice(("full", "broken")),)), Act(at + lasts, "disk", ("sound",))]


def _clocks(chance: Random, at: int, evse: int) -> list[Act]:
    off = chance.choice((0, 0, 3, -3, 3_600, -3_600, 86_400 * 30, -86_400 * 30))
    return [Act(at, chance.choice(("ntp", "central-clock")), (off,))]


def _network(chance: Random, at: int, evse: int) -> list[Act]:
    lasts = chance.choice((1_000, 30_000, 10 * MINUTE_MS, 3 * HOUR_MS))
    both: tuple[list[Act], ...] = (
        [Act(at, "lose"), Act(at + lasts, "find")],
        [Act(at, "drop")],
        [Act(at, "half-open")],
        [Act(at, "slow", (chance.choice((20, 300, 2_000, 4_000)),)), Act(at + lasts, "slow", (0,))],
        [Act(at, "doubles", (True,)), Act(at + lasts, "doubles", (False,))],
        [Act(at, "refuses", (chance.choice(("refused", "unreachable")),)), Act(at + lasts, "refuses", ("",))],
        [Act(at, "kick", (chance.randint(2, 10),))],
    )
    return chance.choice(both)


def _central(chance: Random, at: int, evse: int) -> list[Act]:
    which = chance.random()
    if which < 0.6:
        return [Act(at, "mood", (chance.choice(ACTIONS), chance.choice(tuple(ONCE)), chance.randint(1, 3)))]
    if which < 0.8:
        return [Act(at, "say", (chance.randrange(len(NOISE)),))]
    if which < 0.9:
        return [Act(at, "blocks", (chance.choice(TAGS),))]
    status = chance.choice(("Pending", "Rejected"))
    return [Act(at, "boots", (status,)), Act(at + 100, "drop"), Act(at + 5 * MINUTE_MS, "boots", ("Accepted",))]


def _questions(chance: Random, at: int, evse: int) -> list[Act]:
    which = chance.random()
    if which < 0.6:
        return [Act(at, "ask", (chance.randrange(len(QUESTIONS)),))]
    if which < 0.8:
        key = chance.choice(tuple(KEYS))
        return [Act(at, "configure", (key, chance.choice(KEYS[key])))]
    if which < 0.9:
        return [Act(at, "cap", (chance.choice((0.0, 6.0, 10.0, 32.0)),)), Act(at + HOUR_MS, "cap", (32.0,))]
    return [Act(at, "cards", (chance.randint(1, 1_000), chance.choice((1, 10, 50))))]


def _contacts(chance: Random, at: int, evse: int) -> list[Act]:
    lasts, name = chance.choice((50, 400, 3_000, 20_000, 5 * MINUTE_MS)), chance.choice(CONTACTS)
    return [Act(at, "contact", (evse, name, "on")), Act(at + lasts, "contact", (evse, name, "off"))]


def _heat(chance: Random, at: int, evse: int) -> list[Act]:
    hours = sorted(chance.sample(range(5, 40 * 60), 3))
    return [*(Act(at + s * 1_000, "warm", (chance.choice(CELSIUS),)) for s in hours), Act(at + HOUR_MS, "warm", (25,))]


def _surplus(chance: Random, at: int, evse: int) -> list[Act]:
    seconds = range(0, 40 * 60, chance.choice((5, 60, 700)))
    many = sorted(chance.sample(seconds, min(len(seconds), 5)))
    watts = [(chance.choice((0, 1_380, 2_300, 4_200, 11_000)), chance.choice((1, 3, None))) for _ in many]
    return [Act(at + s * 1_000, "surplus", each) for s, each in zip(many, watts, strict=True)]


def _credentials(chance: Random, at: int, evse: int) -> list[Act]:
    use, number, lasts = chance.choice(credentials.USES), chance.choice((1, 2)), chance.choice((20_000, HOUR_MS))
    text = chance.choice((credentials.FIRST_KEY, credentials.OTHER_KEY))
    taken = chance.choice(((number, None), (None, text), (number, text)))
    back = Act(at + lasts, "takes", (None, None))
    both: tuple[list[Act], ...] = (
        [Act(at, "install-root", (use, number))],
        [Act(at, "install-root", (use, number)), Act(at + 15_000, "list-roots", (use,))],
        [Act(at, "list-roots", (use,)), Act(at + 15_000, "delete-root")],
        [Act(at, "profile", (number,)), Act(at + chance.randrange(9_000), "takes", taken), back],
        [Act(at, "key", (text,)), Act(at + chance.randrange(9_000), "takes", taken), back],
    )
    return chance.choice(both)


def _programs(chance: Random, at: int, evse: int) -> list[Act]:
    which = chance.random()
    if which < 0.2:
        return [Act(at, "log")]
    version = chance.choice((*programs.GOOD, *programs.GOOD, programs.OLD, programs.CRASHES))
    acts = [Act(at, "offers", (version, chance.choice(programs.FLAWS), chance.random() < 0.5))]
    return acts if which < 0.8 else [Act(at, "fetch-fails", (chance.choice(programs.FAILURES[1:]),)), *acts]


HAUNTS = {
    "people": (OFTEN, _people),
    "breaks": (OFTEN, _breaks),
    "processes": (OFTEN, _processes),
    "power": (OFTEN, _power),
    "disk": (OFTEN, _disk),
    "clocks": (OFTEN, _clocks),
    "network": (OFTEN, _network),
    "central": (OFTEN, _central),
    "questions": (OFTEN, _questions),
    "contacts": (OFTEN, _contacts),
    "heat": (SELDOM, _heat),
    "surplus": (SELDOM, _surplus),
    "credentials": (SELDOM, _credentials),
    "programs": (SELDOM, _programs),
}
