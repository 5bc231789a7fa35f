"""Configuration and weights together."""
