import pytest

from maskless.data.barcode import tcga_case, tcga_item
from maskless.signals import Item


@pytest.mark.parametrize(
    ("name", "case"),
    [
        ("Breast_TCGA-E2-A1B5-01Z-00-DX1", "TCGA-E2-A1B5-01Z-00-DX1"),
        ("Bladder_TCGA-G2-A2EK-01A-02-TSB", "TCGA-G2-A2EK-01A-02-TSB"),
        ("TCGA-18-5592-01Z-00-DX1", "TCGA-18-5592-01Z-00-DX1"),
        ("TCGA-18-5592-01Z-00-DX1.62CFB263-9D19", "TCGA-18-5592-01Z-00-DX1"),
        ("TCGA-18-5592-01Z-00-DX1_label", "TCGA-18-5592-01Z-00-DX1"),
        ("TCGA-18-5592-01Z-00-DX1-512-1024", "TCGA-18-5592-01Z-00-DX1"),
        ("TCGA-18-5592", "TCGA-18-5592"),
        ("TCGA-18-5592-01Z", "TCGA-18-5592-01Z"),
        ("TCGA-18-55921", None),
        ("TCGA-18", None),
        ("slide_7", None),
    ],
)
def test_a_barcode_is_read_as_far_as_it_names_the_slide(name: str, case: str | None) -> None:
    assert tcga_case(name) == case


def test_an_item_s_patient_is_the_beginning_of_its_barcode() -> None:
    name = "Colon_TCGA-AY-A8YK-01A-01-TS1"
    assert tcga_item(name) == Item(name, "TCGA-AY-A8YK", "TCGA-AY-A8YK-01A-01-TS1")
    assert tcga_item("slide_7") == Item("slide_7", "slide_7")
