"""Writes the page of verdicts anew."""

from tests.verdict_matrix import MATRICES
from tests.verdict_matrix.page import PAGE, rendered

PAGE.write_text(rendered(MATRICES))
