"""Facts of a run: the processor's name, where the system tells it and where it does not."""

import platform
from pathlib import Path

from app.experiments.run_facts import processor_name


def test_processor_name_is_the_first_that_linux_tells(tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text(
        "processor\t: 0\nmodel name\t: Abacus 9\nprocessor\t: 1\nmodel name\t: Abacus 8\n"
    )
    assert processor_name(tmp_path / "cpuinfo") == "Abacus 9"


def test_processor_name_elsewhere_is_what_python_says(tmp_path: Path) -> None:
    assert processor_name(tmp_path / "none") == (platform.processor() or platform.machine())
