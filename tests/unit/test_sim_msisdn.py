"""Numbers as people write them."""

import pytest

from simulator.errors import RequestInvalid
from simulator.msisdn import normalised


@pytest.mark.parametrize(
    "written", ["79160000001", "+79160000001", "+7 916 000-00-01", "8 (916) 000 00 01", "9160000001"]
)
def test_every_way_to_write_a_number_names_the_same_phone(written: str) -> None:
    assert normalised(written, field="msisdn") == "79160000001"


@pytest.mark.parametrize("written", ["4400", "861234567890", "+8123456789"])
def test_short_and_foreign_numbers_stay_what_they_are(written: str) -> None:
    assert normalised(written, field="msisdn") == written.removeprefix("+")


@pytest.mark.parametrize("written", ["", "12", "+", "CASHBACK", "7916000000a", "1234567890123456", "٧٩١٦٠٠٠٠٠٠١"])
def test_what_is_no_number_is_refused_by_its_field(written: str) -> None:
    with pytest.raises(RequestInvalid) as refused:
        normalised(written, field="to")
    assert refused.value.field == "to"
