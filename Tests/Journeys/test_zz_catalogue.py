"""After all other journeys: every documented journal field and metric has shown, and nothing else has."""
import pytest
from harness import seen


@pytest.fixture(autouse=True)
def after_all_others(request):
    if not request.config.is_whole_run:
        pytest.skip("judges a run of all journeys alone")


def test_every_documented_field_was_written_and_no_other():
    table, named = seen.documented_fields()
    assert not table - seen.fields, f"documented, never written: {sorted(table - seen.fields)}"
    # What libraries say through swift-log has the names of their metadata.
    strange = {one for one in seen.fields - named if not one.startswith("SLUICE_LOG_")}
    assert not strange, f"written, not documented: {sorted(strange)}"


def test_every_documented_metric_was_on_a_page_and_no_other():
    documented = seen.documented_metrics()
    assert not documented - seen.metrics, f"documented, never seen: {sorted(documented - seen.metrics)}"
    assert not seen.metrics - documented, f"seen, not documented: {sorted(seen.metrics - documented)}"
