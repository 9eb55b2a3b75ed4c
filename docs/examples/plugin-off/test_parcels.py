import parcels
import pytest
from pytest_chaos import Raise


def test_a_parcel_gets_a_label():
    assert parcels.pack("home") == "label for home"


@pytest.mark.chaos("parcels:print_label", Raise(OSError))
def test_a_parcel_goes_out_without_a_printer():
    assert parcels.pack("home") == "write it by hand"


def test_a_printer_comes_back(chaos):
    with chaos.inject("parcels:print_label", Raise(OSError)):
        assert parcels.pack("home") == "write it by hand"

    assert parcels.pack("home") == "label for home"
