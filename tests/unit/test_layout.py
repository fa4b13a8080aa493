"""`operator/` is a source root and never a package: it would shadow the standard library's module."""

import operator
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_source_root_is_no_package() -> None:
    assert not (ROOT / "operator" / "__init__.py").exists()
    assert not Path(operator.__file__).is_relative_to(ROOT / "operator")
