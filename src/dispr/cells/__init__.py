"""Cells in: finding, reading, checking and preparing the data."""
