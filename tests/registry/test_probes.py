"""The probes of the template sandbox: each is refused, in one short line."""

import re

import pytest
from tests.registry.probes import PROBES, VALUES, Probe

from stemma.core.errors import TemplateError
from stemma.registry.templates import render


@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: f"{probe.template_format}: {probe.tries}")
def test_nothing_is_reached(probe: Probe) -> None:
    """Every probe is refused as a template, with a message that names what it did and fits on a screen."""
    with pytest.raises(TemplateError) as refusal:
        render(probe.source, probe.template_format, VALUES)
    told = str(refusal.value)
    assert re.search(probe.held, told), told[:300]
    assert len(told) < 700
    assert len(told.splitlines()) == 1
