"""Fault points are silent unless the environment names one, and a wrong name is refused."""

import pytest

from gateway.faults import InjectedFault, MalformedFault, from_environment


def test_without_the_variable_every_point_is_passed() -> None:
    from_environment({})("sms.after_write")


def test_a_point_raises_on_its_nth_passing_and_never_elsewhere() -> None:
    fault = from_environment({"FIRSTCHARGE_FAULT": "sms.after_write:raise:2"})
    fault("sms.before_write")
    fault("sms.after_write")
    with pytest.raises(InjectedFault, match=r"sms\.after_write"):
        fault("sms.after_write")


@pytest.mark.parametrize("text", ["sms.after_write", "a:explode", "a:kill:x", "a:kill:1:2"])
def test_a_malformed_fault_is_refused(text: str) -> None:
    with pytest.raises(MalformedFault, match="POINT:kill"):
        from_environment({"FIRSTCHARGE_FAULT": text})
