"""The types of the page's scripts, which TypeScript's compiler reads from their comments."""

import os
import shutil
import subprocess

import pytest

from app.page.serve import FILES

COMPILER = os.environ.get("NEXTWORD_TSC") or shutil.which("tsc")


def test_page_scripts_have_right_types() -> None:
    if COMPILER is None:
        pytest.skip("no TypeScript here, so the page's types are not checked: npm install typescript, and name its tsc")
    command = [COMPILER, "--project", str(FILES.parent / "tsconfig.json")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout == ""
    assert done.returncode == 0


def test_page_scripts_name_what_they_import() -> None:
    """Imports are of files that are there, by relative paths: no bundler looks for them."""
    for file in FILES.rglob("*.js"):
        for line in file.read_text().splitlines():
            if line.startswith(("import ", "} from ")) and " from " in line:
                path = line.partition(" from ")[2].strip('";')
                assert path.startswith("."), (file, path)
                assert (file.parent / path).is_file(), (file, path)
