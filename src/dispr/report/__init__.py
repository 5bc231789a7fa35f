"""Predictions as a report: pages that open in any browser, without a network."""
