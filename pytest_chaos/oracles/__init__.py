"""WHETHER it went well: each oracle is a pure function from an observation to findings.

A new oracle is a new file here and its line in ``ORACLES``; third parties add theirs through ``pytest_chaos_oracles``.
"""

from __future__ import annotations

from pytest_chaos.oracles.base import Oracle
from pytest_chaos.oracles.bodies import judge_bodies
from pytest_chaos.oracles.deadline import judge_deadline
from pytest_chaos.oracles.degradation import judge_degradation
from pytest_chaos.oracles.effects import judge_effects
from pytest_chaos.oracles.ending import judge_ending
from pytest_chaos.oracles.error_codes import judge_error_codes
from pytest_chaos.oracles.exercised import judge_exercised
from pytest_chaos.oracles.forwarding import judge_forwarded
from pytest_chaos.oracles.hang import judge_hang
from pytest_chaos.oracles.insides import judge_insides
from pytest_chaos.oracles.leaks import judge_leaks
from pytest_chaos.oracles.lost import judge_lost, judge_swallowed
from pytest_chaos.oracles.recovery import judge_recovery
from pytest_chaos.oracles.same_answer import judge_same_answer
from pytest_chaos.oracles.storm import judge_storm

ORACLES: tuple[Oracle, ...] = (
    judge_exercised,
    judge_hang,
    judge_error_codes,
    judge_bodies,
    judge_deadline,
    judge_effects,
    judge_degradation,
    judge_insides,
    judge_forwarded,
    judge_ending,
    judge_recovery,
    judge_leaks,
    judge_lost,
    judge_swallowed,
    judge_same_answer,
    judge_storm,
)
