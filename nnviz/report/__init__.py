"""The report: which figures a model gets, and the page that shows them."""

from .build import write_report

__all__ = ["write_report"]
