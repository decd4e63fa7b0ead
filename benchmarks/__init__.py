"""Measurements. They are run by hand, never by the tests, because machines are noisy."""
