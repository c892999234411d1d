"""What patients write when they want no more texts, and what must not be taken for it."""

from __future__ import annotations

from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduling.messages.sms.words import Meaning, distance, read_text, says_more

STOP = """
STOP | stop | Stop. | STOP!!! | stpo | sotp | stopp | s t o p | S.T.O.P | stop please | please stop | STOP ALL | stopall
Stop texting me | stop sending me these | quit | quitt | END | end | revoke | opt out | opt-out | optout | Opt me out
unsubscribe | unsubcribe | unsuscribe | unsubscribe me please | no more texts | No more! | don't text me
dont text me anymore | Do not contact me again | do not send me messages | take me off your list | remove me
remove me from this list | leave me alone | quit texting | end texts | cancel texts | cancel these messages | cancel sms
I don't want any more messages | I no longer want reminders | wrong number | please remove my number | revoke consent
I withdraw my consent | stop it | Please STOP now | stop thanks | no texts please | block texts | turn off reminders
Stop messaging | no more reminders | stop. stop. stop. | STOP C | cease all texts | do NOT text | never text me again
STOP 🛑 | 🛑 stop | stop 🙏 | I want to stop getting these texts | stop, this is not for me
alto | ALTO | parar | pare | paren | basta | ya basta | baja | no más | NO MAS | No más mensajes
no mas sms por favor | no quiero más mensajes | no quiero recibir esto | no me envíen más mensajes | no me mande mas
dejen de mandarme mensajes | deje de escribirme
cancelar mensajes | darme de baja | quiero darme de baja | ya no | ya no quiero | fin | salir
I'd like to stop receiving these | I no longer wish to receive these | I don't want these | not interested
please discontinue | quit it | Please end this | I do not want any of this | cease and desist | turn this off | silence
I want out | enough | I don't consent | arrêt | I don't want to receive any of these | Not interested anymore
no quiero esto | bórrenme | eliminar | elimínenme | no me interesa | no quiero nada
detener | número equivocado | detengan los mensajes | Dejen de molestarme | No me escriban más | por favor paren
"""
CANCEL = """
CANCEL | cancel | Cancel. | cancle | cancell | canel | cancelled | please cancel | Cancel please | cancel, thanks
CANCEL all | cancel these | cancel it | Cancel all of them please
cancelar | CANCELA | cancelar por favor
"""
CONFIRM = """
C | c | C. | yes | Yes! | YES please | y | sí | SÍ | Si | si gracias | confirm | Confirmed | confirmo | ok | OK! | okay
Yes, thank you | c c | ✅ C | "C"
"""
CALL = "R | r | R. | call me | Reschedule | please call me | Call"
START = "START | start | unstop | Start please"
HELP = "HELP | help! | info | ayuda"
OTHER = """
I can't stop by before 10 | Can I come at 3 instead? | Please cancel my appointment on Tuesday | cancel tomorrow
I will be late | running late | Can we end earlier? | what time does it end | where is the bus stop | No | ya
no puedo ir | I can't come | 👍 | ? | 123 | necesito cancelar mi cita
my mother will stop at the pharmacy first and then come
Who is this | to stop the medication do I call | Is it at the weekend | can you send me a reminder | will you text me
I need to move it | para el martes puedo | I have no more questions | quiero cambiar mi cita | remove my appointment
My pain doesn't stop | it won't stop raining | I can't stop coughing | I did not get the reminder | any message for me?
I never got your text | I don't want this appointment | I don't want the 9 am | cancel all my visits
Can I quit smoking before? | I no longer want to come | not interested in Tuesday, can I come Monday
the end of the week is better | Stop by at 3? | yes but later | C you soon maybe not
"""


def corpus(text: str) -> list[str]:
    return [part.strip() for line in text.strip().splitlines() for part in line.split("|")]


CASES = [
    *((text, Meaning.STOP) for text in corpus(STOP)),
    *((text, Meaning.CANCEL) for text in corpus(CANCEL)),
    *((text, Meaning.CONFIRM) for text in corpus(CONFIRM)),
    *((text, Meaning.CALL) for text in corpus(CALL)),
    *((text, Meaning.START) for text in corpus(START)),
    *((text, Meaning.HELP) for text in corpus(HELP)),
    *((text, Meaning.OTHER) for text in corpus(OTHER)),
    ("", Meaning.OTHER),
]


@pytest.mark.parametrize(("text", "meaning"), CASES)
def test_meaning_of_what_patients_write(text: str, meaning: Meaning) -> None:
    assert read_text(text) == meaning


@pytest.mark.parametrize(
    "text",
    corpus("STOP | stpo | please stop texting me | no más mensajes | Stop sending me these texts | remove me"
           " | I'd like to stop receiving these | ya no quiero recibir mensajes | unsubscribe me please 🙏 | STOP ALL"),
)  # fmt: skip
def test_wish_for_silence_alone_needs_nobody_to_read_it(text: str) -> None:
    assert (read_text(text), says_more(text)) == (Meaning.STOP, False)


@pytest.mark.parametrize(
    "text",
    corpus("Stop, I have pain | wrong number | no message needed, I cancel Tuesday | this pain must stop"
           " | stop, this is not for me, I am Bob | no me escriban, llámenme"),
)  # fmt: skip
def test_text_that_says_more_than_its_stop_is_to_be_read(text: str) -> None:
    assert (read_text(text), says_more(text)) == (Meaning.STOP, True)


def shout(text: str, flips: list[bool]) -> str:
    return "".join(mark.swapcase() if flip else mark for mark, flip in zip(text, flips * 100, strict=False))


@given(
    case=st.sampled_from(CASES[:-1]),
    flips=st.lists(st.booleans(), min_size=1, max_size=9),
    before=st.sampled_from(["", " ", "\n", "Please, ", "hello ", "...", "🙂 ", "por favor "]),
    after=st.sampled_from(["", " ", "!", "!!!", " thanks", ", thank you.", " please", "\n", " 🙏", "…", " gracias"]),
)
@settings(max_examples=2000, deadline=None)
def test_case_politeness_and_marks_change_no_meaning(
    case: tuple[str, Meaning], flips: list[bool], before: str, after: str
) -> None:
    text, meaning = case
    if meaning != Meaning.OTHER:
        assert read_text(f"{before}{shout(text, flips)}{after}") == meaning


@given(
    word=st.sampled_from(["stop", "unsubscribe", "optout", "stopall", "revoke", "quit"]),
    place=st.integers(1, 10),
    act=st.sampled_from(["swap", "double", "drop"]),
)
def test_one_slip_of_a_finger_is_still_an_opt_out(word: str, place: int, act: str) -> None:
    place = min(place, len(word) - 2)
    typed = {
        "swap": word[:place] + word[place + 1] + word[place] + word[place + 2 :],
        "double": word[:place] + word[place] + word[place:],
        "drop": word[:place] + word[place + 1 :],
    }[act]
    assert read_text(typed) == Meaning.STOP


@given(st.text(max_size=400))
@settings(max_examples=1500, deadline=None)
def test_no_text_breaks_the_reader(text: str) -> None:
    assert read_text(text) in Meaning


def test_long_text_is_read_quickly() -> None:
    for text in ("stop " * 20_000, "no " * 30_000, "a b " * 20_000, "(" * 100_000):
        began = process_time()
        assert read_text(text) in Meaning
        assert process_time() - began < 0.2


@pytest.mark.parametrize(
    ("one", "other", "apart"), [("stop", "stop", 0), ("stpo", "stop", 1), ("sop", "stop", 1), ("end", "stop", 4)]
)
def test_distance_counts_a_swap_once(one: str, other: str, apart: int) -> None:
    assert distance(one, other) == distance(other, one) == apart
