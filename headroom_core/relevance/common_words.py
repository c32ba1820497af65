"""Words that say how to answer and not about what: question words, requests, and the nouns for "a piece of data"."""

from __future__ import annotations

COMMON_WORDS = frozenset(
    """
    a about above across after all already also am an analyse analyze and another answer any anyone anything are as at away
    back be because been before being belong belongs below between both but by call came can cannot check come contain could
    data describe detail details did different do does doing done down each either else entire entries entry ever every
    everything exact exactly explain fetch figure file files find first for found from full gave get give given go goes
    going got had happen happened happening has have having help her here him his how i if in inside instead into is it item
    items its just keep kind know last least let like line lines list listed lists look looking made make many may me mean
    might more most much must my name named names need never new next no none not now number of off ok on once one only onto
    open or other our out output over overview own part people per please point possible print put question quick quickly
    rather read really record recorded records report response rest result results return returned returns right row rows
    run running runs same saw say search see seem set shall she should show shows since so some someone something stand
    stands still such summarise summarize summary take taken tell than thank thanks that the their them then there these
    they thing things this those through time times to together told too took tool two type under until up upon us use used
    uses using value values very want was way we well went were what whatever when where whether which while who whole whom
    whose why will with within without would yes yet you your
    """.split()  # noqa: SIM905 - a block of words reads better than a list of strings
)
